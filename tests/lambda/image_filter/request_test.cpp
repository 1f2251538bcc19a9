#include "image_filter/request.hpp"

#include <string>

#include "lambda/image_filter/support.hpp"
#include "support/catch.hpp"

using namespace lambda::image_filter;
using nlohmann::json;

namespace {

Request parse(const json& event, const test::Variables& variables = {}) {
  return parse_request(event, test::environment(variables));
}

std::string error_of(const json& event, const test::Variables& variables = {}) {
  return test::message_of<lambda::HandlerError>([&] { return parse(event, variables); });
}

json event_with(const json& more) {
  json event = {{"input", "in.png"}, {"output", "out.png"}, {"filter", "sharpen"}};
  event.update(more);
  return event;
}

json notification(const std::string& bucket, const std::string& key) {
  return {{"s3", {{"bucket", {{"name", bucket}}}, {"object", {{"key", key}}}}}};
}

}  // namespace

TEST_CASE("request: an event with all fields") {
  const auto request = parse(event_with({{"input", "s3://b/k"}, {"sigma", 2}, {"amount", 0.5}}));
  REQUIRE(request.jobs.size() == 1);
  CHECK_FALSE(request.is_notification);
  const auto& job = request.jobs[0];
  CHECK(job.input == "s3://b/k");
  CHECK(job.output == "out.png");
  CHECK(job.filter.kind == FilterKind::sharpen);
  CHECK(job.filter.sigma == 2);
  CHECK(job.filter.amount == 0.5);
  CHECK(job.limits.max_pixels == 50'000'000);
  CHECK(job.limits.max_bytes == 104'857'600);
}

TEST_CASE("request: names of the filters") {
  for (const auto* name : {"grayscale", "invert", "gaussian_blur", "sobel", "sharpen"}) {
    CHECK(name_of(parse(event_with({{"filter", name}})).jobs[0].filter.kind) == name);
  }
  CHECK(error_of(event_with({{"filter", "blur"}})) ==
        "\"filter\" must be \"grayscale\", \"invert\", \"gaussian_blur\", \"sobel\" or "
        "\"sharpen\", not \"blur\"");
  CHECK(error_of({{"input", "a"}, {"output", "b"}}).starts_with("\"filter\" is missing"));
}

TEST_CASE("request: what is left out comes from the environment") {
  const test::Variables variables = {{"IMAGE_FILTER_INPUT", "s3://b/in"},
                                     {"IMAGE_FILTER_OUTPUT", "/out.png"},
                                     {"IMAGE_FILTER_FILTER", "gaussian_blur"},
                                     {"IMAGE_FILTER_SIGMA", "2.5"},
                                     {"IMAGE_FILTER_AMOUNT", ""},
                                     {"IMAGE_FILTER_MAX_PIXELS", "1000"},
                                     {"IMAGE_FILTER_MAX_BYTES", "2000"}};
  const auto job = parse(json::object(), variables).jobs[0];
  CHECK(job.input == "s3://b/in");
  CHECK(job.output == "/out.png");
  CHECK(job.filter.kind == FilterKind::gaussian_blur);
  CHECK(job.filter.sigma == 2.5);
  CHECK(job.filter.amount == 1);
  CHECK(job.limits.max_pixels == 1000);
  CHECK(job.limits.max_bytes == 2000);
  CHECK(parse({{"sigma", 4}}, variables).jobs[0].filter.sigma == 4);
}

TEST_CASE("request: values that aren't right") {
  CHECK(error_of(event_with({{"sigma", 0.2}})) ==
        "\"sigma\" must be a number from 0.3 to 50.0, not 0.2");
  CHECK(error_of(event_with({{"amount", 11}})) ==
        "\"amount\" must be a number from 0.0 to 10.0, not 11");
  CHECK(error_of(event_with({{"filter", "sobel"}, {"sigma", 1}})) ==
        "\"sigma\" has no meaning for the filter \"sobel\"");
  CHECK(error_of(event_with({{"filter", "gaussian_blur"}, {"amount", 1}})) ==
        "\"amount\" has no meaning for the filter \"gaussian_blur\"");
  CHECK(error_of(event_with({{"sigmas", 1}})).starts_with("unknown field \"sigmas\""));
  CHECK(error_of(event_with({{"input", "http://x/y.png"}})) ==
        "\"input\" must be a path, a file:// URL or s3://...; http:// isn't supported");
  for (const auto* value : {"0", "-1", "1.5", "many", "1000000001", "99999999999999999999999"}) {
    CHECK(error_of(event_with(json::object()), {{"IMAGE_FILTER_MAX_PIXELS", value}}) ==
          "IMAGE_FILTER_MAX_PIXELS must be a number from 1 to 1000000000, not \"" +
              std::string{value} + '"');
  }
  for (const auto* value : {"nan", "inf", "0", "1x"}) {
    CHECK(error_of(event_with(json::object()), {{"IMAGE_FILTER_SIGMA", value}}) ==
          "IMAGE_FILTER_SIGMA must be a number from 0.3 to 50.0, not \"" + std::string{value} +
              '"');
  }
  CHECK(error_of({{"input", "a"}, {"output", "b"}}, {{"IMAGE_FILTER_FILTER", "blur"}}) ==
        "IMAGE_FILTER_FILTER must be \"grayscale\", \"invert\", \"gaussian_blur\", \"sobel\" or "
        "\"sharpen\", not \"blur\"");
}

TEST_CASE("request: a notification of S3 has a job for each object") {
  const json event = {
      {"Records", {notification("in", "a+b/%C3%BC.png"), notification("in", "c.png")}}};
  const auto request = parse(event, {{"IMAGE_FILTER_OUTPUT_BUCKET", "out"},
                                     {"IMAGE_FILTER_FILTER", "sharpen"},
                                     {"IMAGE_FILTER_AMOUNT", "3"}});
  CHECK(request.is_notification);
  REQUIRE(request.jobs.size() == 2);
  CHECK(request.jobs[0].input == "s3://in/a b/\xC3\xBC.png");
  CHECK(request.jobs[0].output == "s3://out/processed/a b/\xC3\xBC.png");
  CHECK(request.jobs[1].output == "s3://out/processed/c.png");
  CHECK(request.jobs[1].filter.kind == FilterKind::sharpen);
  CHECK(request.jobs[1].filter.amount == 3);
  CHECK(error_of(event, {{"IMAGE_FILTER_FILTER", "invert"}}) ==
        "no output bucket: an S3 notification needs IMAGE_FILTER_OUTPUT_BUCKET to be set");
}
