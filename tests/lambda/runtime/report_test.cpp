#include "runtime/report.hpp"

#include "support/catch.hpp"

using lambda::InvocationReport;
using lambda::report_fields;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

InvocationReport a_report() {
  InvocationReport report;
  report.request_id = "r-1";
  report.status = "success";
  report.duration = 250ms;
  report.invocation = 7;
  report.bytes_in = 11;
  report.bytes_out = 13;
  return report;
}

}  // namespace

TEST_CASE("report: units and differences", "[report]") {
  millrace::JobMetrics before;
  before.submitted = 10;
  before.completed = 8;
  before.failed = 1;
  before.cancelled = 1;
  millrace::JobMetrics now;
  now.submitted = 15;
  now.completed = 11;
  now.failed = 2;
  now.cancelled = 1;
  now.active = 1;
  now.pending = 2;
  now.queue_wait.p50 = 1500ns;
  now.queue_wait.p99 = 2ms;
  now.run_time.p50 = 3ms;
  now.run_time.p99 = 4s;

  const auto rss_before = lambda::max_rss_kb();
  json fields = report_fields(a_report(), before, now);

  // It may grow at any time.
  CHECK(fields["maxRssKb"] >= rss_before);
  CHECK(fields["maxRssKb"] <= lambda::max_rss_kb());
  fields.erase("maxRssKb");
  CHECK(fields == json::parse(R"({
    "requestId": "r-1", "status": "success", "durationMs": 250.0, "invocation": 7,
    "bytesIn": 11, "bytesOut": 13,
    "pool": {"submitted": 5, "completed": 3, "failed": 1, "cancelled": 0,
             "queueWaitP50Ms": 0.002, "queueWaitP99Ms": 2.0,
             "runTimeP50Ms": 3.0, "runTimeP99Ms": 4000.0, "active": 1, "pending": 2}})"));
}

TEST_CASE("report: what the first invocation and a failed one have besides", "[report]") {
  InvocationReport report = a_report();
  report.init_duration = 12345us;
  report.error_type = "Function.Bad";
  report.error_message = "why";
  const json fields = report_fields(report, {}, {});
  CHECK(fields["initDurationMs"] == 12.345);
  CHECK(fields["errorType"] == "Function.Bad");
  CHECK(fields["errorMessage"] == "why");
}

TEST_CASE("report: the handler's fields, and a throughput from its items", "[report]") {
  InvocationReport report = a_report();
  report.handler = {{"items", 1000}, {"rows", 5}, {"requestId", "mine"}};
  const json fields = report_fields(report, {}, {});
  CHECK(fields["items"] == 1000);
  CHECK(fields["itemsPerSecond"] == 4000.0);
  CHECK(fields["rows"] == 5);
  CHECK(fields["requestId"] == "r-1");
  report.handler = {{"items", "many"}};
  CHECK_FALSE(report_fields(report, {}, {}).contains("itemsPerSecond"));
}
