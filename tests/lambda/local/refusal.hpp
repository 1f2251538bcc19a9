// What the caller of a failed invocation is told.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "http/http_client.hpp"
#include "support/catch.hpp"

namespace lambda::testing {

/// Its message; checks that it is told as Lambda tells errors, and the error's type.
inline std::string error_of(const HttpResponse& response, const std::string& type) {
  INFO(response.body);
  CHECK(response.status == 200);
  CHECK(response.headers.get("X-Amz-Function-Error") == "Unhandled");
  const auto error = nlohmann::json::parse(response.body);
  CHECK(error.at("errorType") == type);
  return error.at("errorMessage");
}

}  // namespace lambda::testing
