#include "csv_transform/request.hpp"

#include <map>
#include <string>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_transform;
using nlohmann::json;

namespace {

using Variables = std::map<std::string, std::string>;

Request parse(const json& event, const Variables& variables = {}) {
  return parse_request(event, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TransformJob job_of(json more, const Variables& variables = {}) {
  json event = {{"input", "in.csv"}, {"output", "out.csv"}};
  event.update(more);
  return parse(event, variables).jobs.at(0);
}

std::string error_of(const json& more) {
  return test::message_of<lambda::HandlerError>([&] { return job_of(more); });
}

}  // namespace

TEST_CASE("request: what is left out") {
  const auto job = job_of(json::object());
  CHECK(job.input == "in.csv");
  CHECK(job.output == "out.csv");
  CHECK(job.options.has_header);
  CHECK(job.options.format == Format::csv);
  CHECK(job.on_bad_row == OnBadRow::skip);
  const auto from_variables = parse(json::object(), {{"CSV_TRANSFORM_INPUT", "s3://b/in"},
                                                     {"CSV_TRANSFORM_OUTPUT", "s3://b/out.jsonl"}})
                                  .jobs.at(0);
  CHECK(from_variables.input == "s3://b/in");
  CHECK(from_variables.output == "s3://b/out.jsonl");
  CHECK(from_variables.options.format == Format::json_lines);
}

TEST_CASE("request: what is said") {
  const auto job = job_of({{"header", "none"}, {"format", "jsonl"}, {"on_bad_row", "fail"}});
  CHECK_FALSE(job.options.has_header);
  CHECK(job.options.format == Format::json_lines);
  CHECK(job.on_bad_row == OnBadRow::fail);
  CHECK(job_of({{"output", "x.ndjson"}}).options.format == Format::json_lines);
  CHECK(job_of({{"output", "x.jsonl"}, {"format", "csv"}}).options.format == Format::csv);
}

TEST_CASE("request: what isn't right") {
  CHECK(error_of({{"format", "xml"}}) == "\"format\" must be \"csv\" or \"jsonl\", not \"xml\"");
  CHECK(error_of({{"header", true}}) == "\"header\" must be \"skip\" or \"none\", not true");
  CHECK(error_of({{"on_bad_row", 1}}) == "\"on_bad_row\" must be \"skip\" or \"fail\", not 1");
  CHECK(error_of({{"headers", "skip"}}).starts_with("unknown field \"headers\""));
  CHECK(error_of({{"output", "dynamodb://t"}}) ==
        "\"output\" must be a path, a file:// URL or s3://...; dynamodb:// isn't supported");
}

TEST_CASE("request: a notification of S3 has a job for each object") {
  const auto record = [](const std::string& key) {
    return json{{"s3", {{"bucket", {{"name", "in"}}}, {"object", {{"key", key}}}}}};
  };
  const auto request = parse({{"Records", {record("a+b.csv"), record("c.jsonl")}}},
                             {{"CSV_TRANSFORM_OUTPUT_BUCKET", "out"}});
  CHECK(request.is_notification);
  REQUIRE(request.jobs.size() == 2);
  CHECK(request.jobs[0].input == "s3://in/a b.csv");
  CHECK(request.jobs[0].output == "s3://out/processed/a b.csv");
  CHECK(request.jobs[0].options.format == Format::csv);
  CHECK(request.jobs[1].options.format == Format::json_lines);
}
