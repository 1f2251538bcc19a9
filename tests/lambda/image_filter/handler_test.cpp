#include "image_filter/handler.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "image_filter/png.hpp"
#include "io/error.hpp"
#include "lambda/image_filter/support.hpp"
#include "lambda/support/objects.hpp"
#include "lambda/support/reported.hpp"
#include "support/catch.hpp"

using namespace lambda;
using nlohmann::json;

namespace {

std::string small_png(unsigned channels = 3) {
  image_filter::Image image{4, 3, channels};
  for (std::size_t i = 0; i < image.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i * 9);
  return image_filter::encode_png(image, {});
}

struct Bench {
  test::Objects objects;
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 2}};
  image_filter::Handler handler{objects, objects,
                                test::environment({{"IMAGE_FILTER_OUTPUT_BUCKET", "out"},
                                                   {"IMAGE_FILTER_FILTER", "invert"}})};

  Context reported;

  json invoke(const json& event) {
    reported = test::reporting_context();
    return test::run(handler(event, reported, pool));
  }

  std::string error(const json& event) {
    try {
      static_cast<void>(invoke(event));
    } catch (const HandlerError& failure) {
      return failure.error_type() + ": " + failure.what();
    }
    return {};
  }
};

json record(const std::string& key) {
  return {{"s3", {{"bucket", {{"name", "in"}}}, {"object", {{"key", key}}}}}};
}

}  // namespace

TEST_CASE("handler: the reply has every field that was promised") {
  Bench bench;
  bench.objects.bytes["s3://in/a.png"] = small_png(4);
  const auto reply = bench.invoke(
      {{"input", "s3://in/a.png"}, {"output", "s3://out/b.png"}, {"filter", "grayscale"}});
  std::set<std::string> fields;
  for (const auto& [name, value] : reply.items()) fields.insert(name);
  CHECK(fields == std::set<std::string>{"request_id", "input", "output", "filter", "width",
                                        "height", "channels", "input_bytes", "output_bytes",
                                        "workers", "read_ms", "decode_ms", "filter_ms", "encode_ms",
                                        "write_ms"});
  CHECK(reply["request_id"] == "request-1");
  CHECK(reply["input"] == "s3://in/a.png");
  CHECK(reply["output"] == "s3://out/b.png");
  CHECK(reply["filter"] == "grayscale");
  CHECK(reply["width"] == 4);
  CHECK(reply["height"] == 3);
  CHECK(reply["channels"] == 2);
  CHECK(reply["workers"] == 2);
  CHECK(reply["input_bytes"] == bench.objects.bytes["s3://in/a.png"].size());
  CHECK(reply["output_bytes"] == bench.objects.bytes["s3://out/b.png"].size());
  CHECK(bench.objects.content_types["s3://out/b.png"] == "image/png");
  CHECK(*bench.reported.report_fields == json{{"items", 12}});
  CHECK(bench.objects.threads == std::set{std::this_thread::get_id()});
}

TEST_CASE("handler: what fails is told in one line and the next invocation works") {
  Bench bench;
  bench.objects.bytes["s3://in/text"] = "text";
  bench.objects.bytes["s3://in/a.png"] = small_png();
  CHECK(bench.error({{"input", "s3://in/none"}, {"output", "x"}}) ==
        "Function.InputUnavailable: s3://in/none: no such key");
  CHECK(bench.error({{"input", "s3://in/text"}, {"output", "x"}}) ==
        "Function.InvalidInput: s3://in/text: the file is not a PNG");
  CHECK(bench.error({{"input", "s3://in/a.png"}, {"output", "s3://full/x"}}) ==
        "Function.OutputUnavailable: s3://full/x: no space");
  CHECK(bench.error({{"input", 1}, {"output", "x"}}) ==
        "Function.InvalidEvent: \"input\" must be a string, not 1");
  CHECK(bench.invoke({{"input", "s3://in/a.png"}, {"output", "x"}})["width"] == 4);
}

TEST_CASE("handler: a notification of S3 is answered by a list") {
  Bench bench;
  bench.objects.bytes["s3://in/a b.png"] = small_png();
  bench.objects.bytes["s3://in/c.png"] = small_png(1);
  const auto reply = bench.invoke({{"Records", {record("a+b.png"), record("c.png")}}});
  REQUIRE(reply["results"].size() == 2);
  CHECK(reply["results"][0]["output"] == "s3://out/processed/a b.png");
  CHECK(reply["results"][1]["output"] == "s3://out/processed/c.png");
  CHECK(reply["results"][1]["channels"] == 1);
  CHECK(bench.objects.bytes.contains("s3://out/processed/a b.png"));
  CHECK(bench.objects.bytes.contains("s3://out/processed/c.png"));
  CHECK(bench.invoke({{"Records", {record("c.png")}}})["results"].size() == 1);
  CHECK(bench.error({{"Records", {record("c.png"), record("none")}}}) ==
        "Function.InputUnavailable: s3://in/none: no such key");
}

TEST_CASE("handler: a cancelled invocation ends and writes nothing") {
  const test::TemporaryDirectory folder;
  image_filter::Image large{3000, 2000, 4};
  std::fill_n(large.pixels.get(), large.size(), std::uint8_t{7});
  Bench bench;
  bench.objects.bytes["s3://in/large.png"] = image_filter::encode_png(large, {});
  asio::io_context context{1};
  asio::cancellation_signal cancel;
  std::exception_ptr failure;
  bool done = false;
  Event event = {{"input", "s3://in/large.png"},
                 {"output", "s3://out/x.png"},
                 {"filter", "gaussian_blur"},
                 {"sigma", 50}};
  asio::co_spawn(context, bench.handler(std::move(event), Context{}, bench.pool),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error, json) {
                   failure = std::move(error);
                   done = true;
                 }));
  // Once the pool has its first job, wherever that is then: the rest is given up.
  while (bench.pool.metrics().submitted == 0 && context.run_one() > 0) {
  }
  cancel.emit(asio::cancellation_type::terminal);
  context.run();
  REQUIRE(done);
  REQUIRE(failure != nullptr);
  std::error_code code;
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& error) {
    code = error.code();
  }
  CHECK(code == asio::error::operation_aborted);
  CHECK_FALSE(bench.objects.bytes.contains("s3://out/x.png"));
}
