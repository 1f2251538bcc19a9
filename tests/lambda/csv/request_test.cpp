#include "csv_etl/request.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::csv_etl;
using nlohmann::json;

namespace {

const char* no_environment(const char*) {
  return nullptr;
}

Request parse(const json& event) {
  return parse_request(event, no_environment);
}

std::string error_of(const json& event) {
  try {
    static_cast<void>(parse(event));
  } catch (const HandlerError& error) {
    CHECK(error.error_type() == "Function.InvalidEvent");
    return error.what();
  }
  return {};
}

json with(const char* field, json value) {
  json event{{"input", "in.csv"}, {"output", "out.sqlite"}};
  event[field] = std::move(value);
  return event;
}

}  // namespace

TEST_CASE("request: paths and what to do with bad rows") {
  const auto request = parse(with("on_bad_row", "fail"));
  CHECK(request.input == "in.csv");
  CHECK(request.output == "out.sqlite");
  CHECK(request.on_bad_row == OnBadRow::fail);
  CHECK(parse(with("on_bad_row", "skip")).on_bad_row == OnBadRow::skip);
  CHECK(parse(with("input", "in.csv")).on_bad_row == OnBadRow::skip);
}

TEST_CASE("request: file URLs") {
  CHECK(parse(with("input", "file:///tmp/a%20b%2Fc.csv")).input == "/tmp/a b/c.csv");
  CHECK(parse(with("input", "file://localhost/tmp/a.csv")).input == "/tmp/a.csv");
  CHECK(error_of(with("input", "file://tmp/a.csv")) ==
        "\"input\" must be an absolute file URL such as file:///tmp/records.csv");
  CHECK(error_of(with("input", "file:///tmp/a%2")) ==
        "\"input\" holds a % that two hexadecimal digits don't follow");
  CHECK(error_of(with("input", "file:///tmp/a%zz")) ==
        "\"input\" holds a % that two hexadecimal digits don't follow");
  CHECK(error_of(with("input", "file:///tmp/a%00b")) == "\"input\" holds a NUL byte");
}

TEST_CASE("request: a path with odd characters is a path") {
  CHECK(parse(with("input", "dir/100%.csv")).input == "dir/100%.csv");
  CHECK(parse(with("input", "odd dir/://x")).input == "odd dir/://x");
}

TEST_CASE("request: other schemes aren't taken for paths") {
  CHECK(error_of(with("input", "dynamodb://table")) ==
        "\"input\" must be a path, a file:// URL or s3://...; dynamodb:// isn't supported");
  CHECK(error_of(with("output", "s3://bucket/key")) ==
        "\"output\" must be a path, a file:// URL or dynamodb://...; s3:// isn't supported");
  CHECK(error_of(with("input", "s3://bucket")) ==
        "\"input\" must name a bucket and a key, as in s3://bucket/key");
}

TEST_CASE("request: objects and tables of AWS") {
  CHECK(parse(with("input", "s3://bucket/a b")).input == "s3://bucket/a b");
  CHECK(parse(with("output", "dynamodb://table")).output == "dynamodb://table");
}

TEST_CASE("request: an S3 notification names the input, the environment the table") {
  const json notification = {
      {"Records", {{{"s3", {{"bucket", {{"name", "b"}}}, {"object", {{"key", "in/a+b"}}}}}}}}};
  const auto environment = [](const char* name) -> const char* {
    return std::string{name} == "CSV_ETL_OUTPUT" ? "dynamodb://table" : "wrong.csv";
  };
  const auto request = parse_request(notification, environment);
  CHECK(request.input == "s3://b/in/a b");
  CHECK(request.output == "dynamodb://table");
  CHECK(request.on_bad_row == OnBadRow::skip);
  auto two = notification;
  two["Records"].push_back(two["Records"][0]);
  CHECK(error_of(two) == "\"Records\" must be an array of one record, not of 2");
  CHECK(error_of(notification) == "no output: give \"output\" in the event or set CSV_ETL_OUTPUT");
}

TEST_CASE("request: defaults come from the environment, the event wins") {
  const auto environment = [](const char* name) -> const char* {
    return std::string{name} == "CSV_ETL_INPUT" ? "file:///default.csv" : "default.sqlite";
  };
  const auto request = parse_request(json::object(), environment);
  CHECK(request.input == "/default.csv");
  CHECK(request.output == "default.sqlite");
  CHECK(parse_request({{"input", "mine.csv"}}, environment).input == "mine.csv");
}

TEST_CASE("request: what is neither in the event nor in the environment is named") {
  CHECK(error_of(json::object()) == "no input: give \"input\" in the event or set CSV_ETL_INPUT");
  CHECK(error_of({{"input", "x"}}) ==
        "no output: give \"output\" in the event or set CSV_ETL_OUTPUT");
  const auto empty = [](const char*) { return ""; };
  CHECK_THROWS_WITH(parse_request(json::object(), empty),
                    "no input: give \"input\" in the event or set CSV_ETL_INPUT");
  const auto unusable = [](const char*) { return "ftp://b/k"; };
  CHECK_THROWS_WITH(
      parse_request(json::object(), unusable),
      "CSV_ETL_INPUT must be a path, a file:// URL or s3://...; ftp:// isn't supported");
}

TEST_CASE("request: each malformed event has a message of its own") {
  CHECK(error_of(nullptr) == "the event must be a JSON object, not null");
  CHECK(error_of(json::array({1, 2})) == "the event must be a JSON object, not [1,2]");
  CHECK(error_of("in.csv") == "the event must be a JSON object, not \"in.csv\"");
  CHECK(error_of(with("inptu", "x")) ==
        "unknown field \"inptu\" in the event; it may have input, output and on_bad_row");
  CHECK(error_of(with("input", 5)) == "\"input\" must be a string, not 5");
  CHECK(error_of(with("input", nullptr)) == "\"input\" must be a string, not null");
  CHECK(error_of(with("output", {{"a", 1}})) == "\"output\" must be a string, not {\"a\":1}");
  CHECK(error_of(with("input", "")) == "\"input\" is empty");
  CHECK(error_of(with("input", std::string{"a\0b", 3})) == "\"input\" holds a NUL byte");
  CHECK(error_of(with("on_bad_row", "ignore")) ==
        "\"on_bad_row\" must be \"skip\" or \"fail\", not \"ignore\"");
  CHECK(error_of(with("on_bad_row", true)) ==
        "\"on_bad_row\" must be \"skip\" or \"fail\", not true");
  CHECK(error_of(with("on_bad_row", nullptr)) ==
        "\"on_bad_row\" must be \"skip\" or \"fail\", not null");
}
