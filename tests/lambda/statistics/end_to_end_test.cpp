// The statistics handler as its callers see it: through local-runtime-api, with its bootstrap.

#include <nlohmann/json.hpp>

#include "lambda/local/local_api.hpp"
#include "support/catch.hpp"

using lambda::testing::LocalApi;
using nlohmann::json;

TEST_CASE("statistics: one process serves good and bad events", "[statistics]") {
  LocalApi api{{"--env", "WORKER_COUNT=2", "--", STATISTICS_BOOTSTRAP}};
  const auto error_of = [&](const std::string& event, const std::string& type) -> std::string {
    const auto response = api.invoke(event);
    INFO(response.body);
    CHECK(response.headers.get("X-Amz-Function-Error") == "Unhandled");
    const json error = json::parse(response.body);
    CHECK(error.at("errorType") == type);
    return error.at("errorMessage");
  };
  CHECK_THAT(error_of(R"({"data": [{"values": [1]}], "algorithm": "x"})", "Function.InvalidEvent"),
             Catch::Contains("standard"));
  CHECK_THAT(error_of(R"({"data": [{"values": [1e308, 1e308]}], "algorithm": "standard"})",
                      "Function.ResultOverflow"),
             Catch::Contains("data[0]"));
  CHECK_THAT(error_of(R"({"data": [{"values": [1e999]}]})", "Runtime.UnmarshalError"),
             Catch::Contains("number overflow"));
  const auto good =
      api.invoke(R"({"data": [{"values": [1, 2], "metadata": "m"}], "algorithm": "advanced"})");
  CHECK_FALSE(good.headers.find("X-Amz-Function-Error"));
  CHECK(json::parse(good.body).at("stats").at("count") == 1);
  CHECK_THAT(api.log(), !Catch::Contains("bootstrap has ended"));
}
