#include "millrace/instrumentation.hpp"

#include <type_traits>

#include "support/catch.hpp"

TEST_CASE("the default policy follows a job through its steps") {
  millrace::ComputeMetrics policy({.slow_job = std::chrono::hours(1)});
  millrace::ComputeMetrics::record job;
  policy.submitted(job);
  CHECK(policy.snapshot().pending == 1);
  policy.started(job);
  CHECK(policy.snapshot().pending == 0);
  CHECK(policy.snapshot().active == 1);
  policy.finished(job, true);
  const auto all = policy.snapshot();
  CHECK(all.active == 0);
  CHECK(all.failed == 1);
  CHECK(all.completed == 0);
  CHECK(all.slow == 0);
  CHECK(all.queue_wait.count == 1);
  CHECK(all.run_time.count == 1);
}

TEST_CASE("a job that reaches slow_job is counted as slow") {
  millrace::ComputeMetrics policy({.slow_job = std::chrono::nanoseconds(1)});
  millrace::ComputeMetrics::record job;
  policy.submitted(job);
  policy.started(job);
  // The clock has to move on by 1 ns at least, however coarse it is.
  while (std::chrono::steady_clock::now() == job.since) {
  }
  policy.finished(job, false);
  CHECK(policy.snapshot().slow == 1);
}

TEST_CASE("NoMetrics leaves nothing in a job") {
  STATIC_REQUIRE(std::is_empty_v<millrace::NoMetrics::record>);
  STATIC_REQUIRE(std::is_empty_v<millrace::NoMetrics>);
}
