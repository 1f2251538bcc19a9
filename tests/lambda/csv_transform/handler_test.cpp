#include "csv_transform/handler.hpp"

#include <algorithm>
#include <map>
#include <millrace/compute_pool.hpp>
#include <set>
#include <string>
#include <thread>

#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "lambda/support/objects.hpp"
#include "lambda/support/reported.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda;
using nlohmann::json;

namespace {

struct Bench {
  test::Objects objects;
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 2}};
  csv_transform::Handler handler{
      objects, objects, [](const char* name) {
        return std::string{name} == "CSV_TRANSFORM_OUTPUT_BUCKET" ? "out" : nullptr;
      }};

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
  bench.objects.bytes["s3://in/a.csv"] = "id,v\na,1,2\nb,\xFF\nc,0,0,0,0,0,50\n";
  const auto reply = bench.invoke({{"input", "s3://in/a.csv"}, {"output", "s3://out/b.csv"}});
  std::set<std::string> fields;
  for (const auto& [name, value] : reply.items()) fields.insert(name);
  CHECK(fields == std::set<std::string>{"request_id", "input", "output", "rows", "bad_rows",
                                        "bad_row_samples", "totals", "input_bytes", "output_bytes",
                                        "workers", "read_ms", "compute_ms", "write_ms"});
  CHECK(reply["request_id"] == "request-1");
  CHECK(reply["rows"] == 2);
  CHECK(reply["bad_rows"] == 1);
  CHECK(reply["bad_row_samples"][0]["line"] == 3);
  CHECK(reply["bad_row_samples"][0]["reason"] == "not valid UTF-8");
  CHECK(reply["totals"] == json{{"values", 8}, {"outliers", 1}, {"min", 0.0}, {"max", 50.0}});
  CHECK(reply["workers"] == 2);
  CHECK(reply["output_bytes"] == bench.objects.bytes["s3://out/b.csv"].size());
  CHECK(bench.objects.content_types["s3://out/b.csv"] == "text/csv; charset=utf-8");
  CHECK(*bench.reported.report_fields == json{{"items", 3}});
  CHECK(bench.objects.threads == std::set{std::this_thread::get_id()});
  // The reply goes out as JSON, which must be UTF-8 although the file wasn't.
  CHECK_NOTHROW(reply.dump());

  static_cast<void>(bench.invoke({{"input", "s3://in/a.csv"}, {"output", "s3://out/b.jsonl"}}));
  CHECK(bench.objects.content_types["s3://out/b.jsonl"] == "application/x-ndjson");
}

TEST_CASE("handler: a file without a good row has no least value") {
  Bench bench;
  bench.objects.bytes["s3://in/a.csv"] = "id,v\n";
  const auto reply = bench.invoke({{"input", "s3://in/a.csv"}, {"output", "x"}});
  CHECK(reply["totals"] ==
        json{{"values", 0}, {"outliers", 0}, {"min", nullptr}, {"max", nullptr}});
}

TEST_CASE("handler: what fails is told in one line and the next invocation works") {
  Bench bench;
  bench.objects.bytes["s3://in/empty"] = "";
  bench.objects.bytes["s3://in/bad"] = "id\na,1\nb,x\nc,y\n";
  const auto error = [&](const std::string& input, const std::string& output) {
    return bench.error({{"input", input}, {"output", output}, {"on_bad_row", "fail"}});
  };
  CHECK(error("s3://in/none", "x") == "Function.InputUnavailable: s3://in/none: no such key");
  CHECK(error("s3://in/empty", "x") ==
        "Function.InvalidInput: s3://in/empty: the input is empty; it needs a header row with an "
        "id and values");
  CHECK(error("s3://in/bad", "x") ==
        "Function.BadRow: s3://in/bad: line 3: value 1 is not a decimal number: x");
  CHECK_FALSE(bench.objects.bytes.contains("x"));
  CHECK(bench.error({{"input", "s3://in/bad"}, {"output", "s3://full/x"}}) ==
        "Function.OutputUnavailable: s3://full/x: no space");
  CHECK(bench.error({{"input", 1}, {"output", "x"}}) ==
        "Function.InvalidEvent: \"input\" must be a string, not 1");
  CHECK(bench.invoke({{"input", "s3://in/bad"}, {"output", "x"}})["rows"] == 1);
}

TEST_CASE("handler: a notification of S3 is answered by a list") {
  Bench bench;
  bench.objects.bytes["s3://in/a b.csv"] = "id\na,1\n";
  bench.objects.bytes["s3://in/c.jsonl"] = "id\na,1\nb,2\n";
  const auto reply = bench.invoke({{"Records", {record("a+b.csv"), record("c.jsonl")}}});
  REQUIRE(reply["results"].size() == 2);
  CHECK(reply["results"][0]["output"] == "s3://out/processed/a b.csv");
  CHECK(reply["results"][1]["rows"] == 2);
  CHECK(bench.objects.bytes.at("s3://out/processed/c.jsonl").starts_with("{\"id\":\"a\""));
}
