// The hash handlers as their callers see them: through local-runtime-api, with the real bootstraps.

#include <nlohmann/json.hpp>
#include <string>

#include "lambda/local/local_api.hpp"
#include "support/catch.hpp"

using lambda::HttpResponse;
using lambda::testing::LocalApi;
using nlohmann::json;

namespace {

json result_of(const HttpResponse& response) {
  INFO(response.body);
  CHECK(response.status == 200);
  CHECK_FALSE(response.headers.find("X-Amz-Function-Error"));
  return json::parse(response.body);
}

std::string error_of(const HttpResponse& response) {
  INFO(response.body);
  CHECK(response.headers.get("X-Amz-Function-Error") == "Unhandled");
  const json error = json::parse(response.body);
  CHECK(error.at("errorType") == "Function.InvalidEvent");
  return error.at("errorMessage");
}

}  // namespace

TEST_CASE("bcrypt: one process serves good and bad events", "[bcrypt]") {
  LocalApi api{{"--env", "WORKER_COUNT=2", "--", BCRYPT_BOOTSTRAP}};
  const auto first = result_of(api.invoke(R"({"count": 4, "mode": "parallel"})"));
  CHECK(first.at("processed") == 4);
  CHECK(first.at("workers") == 2);
  CHECK_THAT(error_of(api.invoke(R"({"count": 0, "mode": "parallel"})")),
             Catch::Contains("count") && Catch::EndsWith("not 0"));
  CHECK_THAT(error_of(api.invoke(R"({"count": 4, "mode": "fast"})")), Catch::Contains("\"fast\""));
  CHECK_THAT(error_of(api.invoke("[]")), Catch::Contains("object"));
  CHECK(result_of(api.invoke(R"({"count": 1, "mode": "auto"})")).at("mode") == "sequential");
  CHECK_THAT(api.log(), !Catch::Contains("bootstrap has ended"));
}

TEST_CASE("bcrypt: WORKER_COUNT sets the workers and 7 of them are an init error", "[bcrypt]") {
  LocalApi one{{"--env", "WORKER_COUNT=1", "--", BCRYPT_BOOTSTRAP}};
  const auto reply = result_of(one.invoke(R"({"count": 2, "mode": "auto"})"));
  CHECK(reply.at("workers") == 1);
  CHECK(reply.at("threads_used") == 1);
  CHECK(reply.at("mode") == "sequential");

  LocalApi seven{{"--env", "WORKER_COUNT=7", "--", BCRYPT_BOOTSTRAP}};
  CHECK(seven.wait_for_log("WORKER_COUNT must be a whole number from 1 to 6"));
}

TEST_CASE("burst: the story of a few items", "[bcrypt]") {
  LocalApi api{{"--env", "WORKER_COUNT=2", "--", BURST_BOOTSTRAP}};
  const auto reply = result_of(api.invoke(R"({"costs": [6, 4, 4, 5], "schedule": "stealing"})"));
  CHECK(reply.at("items").size() == 4);
  CHECK_THAT(error_of(api.invoke(R"({"costs": [], "schedule": "stealing"})")),
             Catch::Contains("costs"));
}
