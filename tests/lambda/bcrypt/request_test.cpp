#include "bcrypt/request.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using lambda::bcrypt::Mode;
using lambda::bcrypt::parse_request;
using nlohmann::json;

namespace {

std::string error_of(const std::string& event) {
  return test::message_of<lambda::HandlerError>(
      [&] { return parse_request(json::parse(event), 2); });
}

Mode mode_of(int count, const std::string& mode, int workers) {
  return parse_request({{"count", count}, {"mode", mode}}, workers).mode;
}

}  // namespace

TEST_CASE("bcrypt request: the least and the most") {
  CHECK(parse_request({{"count", 1}, {"mode", "parallel"}}, 2).count == 1);
  CHECK(parse_request({{"count", 1000}, {"mode", "parallel"}}, 2).count == 1000);
}

TEST_CASE("bcrypt request: modes are taken at their word and auto shares out if there is a point") {
  CHECK(mode_of(1, "parallel", 1) == Mode::parallel);
  CHECK(mode_of(1000, "sequential", 6) == Mode::sequential);
  CHECK(mode_of(2, "auto", 2) == Mode::parallel);
  CHECK(mode_of(1, "auto", 2) == Mode::sequential);
  CHECK(mode_of(1000, "auto", 1) == Mode::sequential);
}

TEST_CASE("bcrypt request: each malformed event has a message of its own") {
  const std::string must = "\"count\" must be a whole number from 1 to 1000, not ";
  CHECK(error_of(R"({"count": 0, "mode": "auto"})") == must + "0");
  CHECK(error_of(R"({"count": 1001, "mode": "auto"})") == must + "1001");
  CHECK(error_of(R"({"count": -1, "mode": "auto"})") == must + "-1");
  CHECK(error_of(R"({"count": 1.5, "mode": "auto"})") == must + "1.5");
  CHECK(error_of(R"({"count": "20", "mode": "auto"})") == must + "\"20\"");
  CHECK(error_of(R"({"count": null, "mode": "auto"})") == must + "null");
  CHECK(error_of(R"({"count": 18446744073709551617, "mode": "auto"})").starts_with(must));
  CHECK(error_of(R"({"mode": "auto"})") ==
        "\"count\" is missing; it must be a whole number from 1 to 1000");
  CHECK(error_of(R"({"count": 20})") ==
        "\"mode\" is missing; it must be \"parallel\", \"sequential\" or \"auto\"");
  CHECK(error_of(R"({"count": 20, "mode": "fast"})") ==
        "\"mode\" must be \"parallel\", \"sequential\" or \"auto\", not \"fast\"");
  CHECK(error_of(R"({"count": 20, "mode": 1})") ==
        "\"mode\" must be \"parallel\", \"sequential\" or \"auto\", not 1");
  CHECK(error_of(R"({"count": 20, "mode": "auto", "cost": 12})") ==
        "unknown field \"cost\" in the event; it may have count and mode");
  CHECK(error_of("[20]") == "the event must be a JSON object, not [20]");
  CHECK(error_of("null") == "the event must be a JSON object, not null");
}
