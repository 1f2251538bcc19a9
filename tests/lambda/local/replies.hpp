// What local-runtime-api answers to a call.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "http/http_client.hpp"
#include "support/catch.hpp"

namespace lambda::testing {

/// What the function returned.
inline nlohmann::json result_of(const HttpResponse& response) {
  INFO(response.body.substr(0, 300));
  CHECK(response.status == 200);
  CHECK_FALSE(response.headers.find("X-Amz-Function-Error"));
  return nlohmann::json::parse(response.body);
}

/// The body of a failed call, which Lambda answers with 200 and a header.
inline nlohmann::json error_of(const HttpResponse& response) {
  INFO(response.body.substr(0, 300));
  CHECK(response.status == 200);
  CHECK(response.headers.get("X-Amz-Function-Error") == "Unhandled");
  CHECK(response.headers.get("Content-Type") == "application/json");
  return nlohmann::json::parse(response.body);
}

inline std::string message_of(const nlohmann::json& error) {
  return error.at("errorMessage");
}

/// The message of a failed call; checks the error's type.
inline std::string error_of(const HttpResponse& response, const std::string& type) {
  const auto error = error_of(response);
  CHECK(error.at("errorType") == type);
  return message_of(error);
}

}  // namespace lambda::testing
