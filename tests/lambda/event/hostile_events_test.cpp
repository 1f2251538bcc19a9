// Events that nobody sends by chance: each handler takes them or refuses them in one line.
#include <functional>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>

#include "bcrypt/request.hpp"
#include "csv_etl/request.hpp"
#include "csv_transform/request.hpp"
#include "image_filter/request.hpp"
#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "runtime/runtime.hpp"
#include "statistics/request.hpp"
#include "support/catch.hpp"
#include "text/utf8.hpp"

using namespace lambda;

namespace {

const char* environment(const char* variable) {
  return std::string{variable}.ends_with("PUT") ? "s3://bucket/key" : nullptr;
}

const std::map<std::string, std::function<void(const Event&)>> parsers{
    {"bcrypt", [](const Event& event) { static_cast<void>(bcrypt::parse_request(event, 2)); }},
    {"csv_etl",
     [](const Event& event) { static_cast<void>(csv_etl::parse_request(event, environment)); }},
    {"csv_transform",
     [](const Event& event) {
       static_cast<void>(csv_transform::parse_request(event, environment));
     }},
    {"image_filter",
     [](const Event& event) {
       static_cast<void>(image_filter::parse_request(event, environment));
     }},
    {"statistics",
     [](const Event& event) { static_cast<void>(statistics::parse_request(event)); }}};

std::string not_an_event(const std::string& payload) {
  return test::message_of<std::invalid_argument>([&] { return parse_event(payload); });
}

void check_refused(const std::string& payload) {
  const Event event = parse_event(payload);
  for (const auto& [name, parse] : parsers) {
    INFO(name << ": " << payload.substr(0, 100));
    const auto message = test::message_of<HandlerError>([&, &take = parse] {
      take(event);
      return 0;
    });
    CHECK_FALSE(message.empty());
    CHECK(message.size() < 600);
    CHECK(message.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
    CHECK(text::is_valid_utf8(message));
  }
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("hostile events: nesting is limited before it takes stack") {
  CHECK(not_an_event(nested(100'000)) == "the event nests deeper than 1000 levels");
  CHECK(not_an_event(nested(1001)) == "the event nests deeper than 1000 levels");
  check_refused(nested(1000));
  check_refused(R"({"count": )" + nested(999) + R"(, "data": )" + nested(999) + R"(, "input": )" +
                nested(999) + "}");
  CHECK_THAT(not_an_event(std::string(17'000'000, ' ')),
             Catch::StartsWith("the event is too long: 17000000 bytes"));
  // Brackets in a text are no levels.
  check_refused('"' + std::string(100'000, '[') + '"');
}

TEST_CASE("hostile events: what isn't JSON is refused before any handler sees it") {
  for (const std::string payload :
       {"NaN", "Infinity", "-Infinity", "[1e400]", "{\"count\": -1e999}", "\"\xFF\"",
        "{\"input\": \"\xC3\"}", "\"\\ud800\"", "\"\\udc00x\"", "[1,]", "'a'", "01", "1.", ""}) {
    INFO(payload);
    const auto message = not_an_event(payload);
    CHECK(message.starts_with("the event is not JSON: "));
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK_FALSE(not_an_event(std::string("\"a\0b\"", 5)).empty());
  // nlohmann's parser takes a NUL byte for the end of the text, whatever follows it.
  for (const std::string& payload : {std::string("{}\0", 3), std::string("{}\0garbage", 10)}) {
    CHECK(not_an_event(payload) == "the event is not JSON: it holds a NUL byte");
  }
}

TEST_CASE("hostile events: values at the edges of their kinds are refused by every handler") {
  const std::string huge(1'500'000, 'x');
  for (const std::string& value :
       {std::string{"9007199254740993"}, std::string{"18446744073709551616"}, std::string{"1e308"},
        std::string{"-0.0"}, std::string{"null"}, std::string{"{}"}, std::string{"\"a\\u0000b\""},
        std::string{"\"line\\nbreak\""}, std::string{"\"\\ud83d\\ude00\""}, '"' + huge + '"'}) {
    // Each has a field of every handler's, and one that none knows.
    check_refused(R"({"count": )" + value + R"(, "data": )" + value + R"(, "input": )" + value +
                  R"(, "unknown": )" + value + "}");
    // An empty event is right where the environment has the rest.
    if (value != "{}") check_refused(value);
  }
  check_refused("{\"" + huge + "\": 1}");
}

TEST_CASE("hostile events: numbers keep their value or are refused") {
  const auto bcrypt_error = [](const std::string& count) {
    return test::message_of<HandlerError>([&] {
      return bcrypt::parse_request(parse_event(R"({"mode":"auto","count":)" + count + "}"), 2);
    });
  };
  const std::string must = "\"count\" must be a whole number from 1 to 1000, not ";
  CHECK(bcrypt_error("9007199254740993") == must + "9007199254740993");
  CHECK(bcrypt_error("1.0000000000000002") == must + "1.0000000000000002");
  CHECK(bcrypt_error("18446744073709551617") == must + "1.8446744073709552e+19");
  const auto request = statistics::parse_request(
      parse_event(R"({"algorithm":"standard","data":[{"values":[9007199254740993,4.9e-324]}]})"));
  CHECK(request.points.at(0).at(0) == 9007199254740992.0);
  CHECK(request.points.at(0).at(1) == std::numeric_limits<double>::denorm_min());
}

TEST_CASE("hostile events: of a name that comes twice the last value counts") {
  const auto request =
      bcrypt::parse_request(parse_event(R"({"count":5000,"mode":"auto","count":7})"), 2);
  CHECK(request.count == 7);
}
