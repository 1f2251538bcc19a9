#include "millrace/instrumentation.hpp"

#include <chrono>
#include <memory>
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

namespace {

std::chrono::steady_clock::time_point wait_for_the_clock() {
  const auto before = std::chrono::steady_clock::now();
  auto now = before;
  while (now - before < std::chrono::microseconds(50)) now = std::chrono::steady_clock::now();
  return now;
}

}  // namespace

TEST_CASE("a job that follows another at once starts when that ended; after a pause it doesn't") {
  millrace::ComputeMetrics policy({});
  auto& streak = millrace::detail::job_streak::of_this_thread();
  streak.interrupt();
  millrace::ComputeMetrics::record first;
  millrace::ComputeMetrics::record second;
  millrace::ComputeMetrics::record third;
  policy.submitted(first);
  policy.submitted(second);
  policy.submitted(third);
  policy.started(first);
  policy.finished(first, false);
  const auto first_end = streak.last_end();
  policy.started(second);
  CHECK(second.since == first_end);
  policy.finished(second, false);
  const auto later = wait_for_the_clock();
  streak.interrupt();
  policy.started(third);
  CHECK(third.since >= later);
  policy.finished(third, false);
}

TEST_CASE("a job inside another one has times of its own, and so has the next") {
  millrace::ComputeMetrics policy({});
  auto& streak = millrace::detail::job_streak::of_this_thread();
  streak.interrupt();
  millrace::ComputeMetrics::record outer;
  millrace::ComputeMetrics::record inner;
  millrace::ComputeMetrics::record second_inner;
  policy.submitted(outer);
  policy.started(outer);
  const auto outer_runs = wait_for_the_clock();
  policy.submitted(inner);
  policy.started(inner);
  CHECK(inner.since >= outer_runs);
  policy.finished(inner, false);
  const auto still_runs = wait_for_the_clock();
  policy.submitted(second_inner);
  policy.started(second_inner);
  CHECK(second_inner.since >= still_runs);
  policy.finished(second_inner, false);
  policy.finished(outer, false);
  CHECK(streak.last_end() >= still_runs);
}

TEST_CASE("a streak of one pool is none of another's") {
  millrace::ComputeMetrics one({});
  millrace::ComputeMetrics other({});
  millrace::ComputeMetrics::record job;
  one.submitted(job);
  one.started(job);
  one.finished(job, false);
  const auto later = wait_for_the_clock();
  millrace::ComputeMetrics::record next;
  other.submitted(next);
  other.started(next);
  CHECK(next.since >= later);
  other.finished(next, false);
}

TEST_CASE("the way back of a job is measured from its end to its handler with its label or not") {
  millrace::ComputeMetrics policy({});
  for (const char* label : {"hash", ""}) {
    millrace::ComputeMetrics::record job;
    if (*label != 0) policy.labelled(job, label);
    policy.submitted(job);
    policy.started(job);
    policy.finished(job, false);
    CHECK(policy.snapshot().completion_delay.count == (*label != 0 ? 0 : 1));
    wait_for_the_clock();
    job.resuming();
  }
  const auto all = policy.snapshot();
  CHECK(all.completion_delay.count == 2);
  CHECK(all.completion_delay.p50 >= std::chrono::microseconds(50));
  CHECK(all.run_time.count == 2);
  REQUIRE(all.by_label.size() == 1);
  CHECK(all.by_label[0].completion_delay.count == 1);
  CHECK(all.by_label[0].completion_delay.max >= std::chrono::microseconds(50));
}

TEST_CASE("what never ran or was never submitted has no way back") {
  millrace::ComputeMetrics policy({});
  millrace::ComputeMetrics::record given_up;
  policy.labelled(given_up, "hash");
  policy.submitted(given_up);
  policy.unstarted(given_up, millrace::Unstarted::cancelled);
  given_up.resuming();
  millrace::ComputeMetrics::record failed_to_start;
  policy.labelled(failed_to_start, "hash");
  failed_to_start.resuming();
  const auto all = policy.snapshot();
  CHECK(all.completion_delay.count == 0);
  CHECK(all.by_label[0].completion_delay.count == 0);
}

TEST_CASE("a reader and a job on its way back keep the counters of a policy that has gone") {
  auto policy = std::make_unique<millrace::ComputeMetrics>(millrace::ComputeConfig{});
  const auto reader = policy->reader();
  const auto copy = std::make_unique<millrace::MetricsReader>(reader);
  millrace::ComputeMetrics::record job;
  policy->labelled(job, "hash");
  policy->submitted(job);
  policy->started(job);
  policy->finished(job, false);
  CHECK(policy->snapshot().completed == 1);
  policy.reset();
  job.resuming();
  CHECK(reader.snapshot().completed == 1);
  CHECK(copy->snapshot().completion_delay.count == 1);
  CHECK(copy->snapshot().by_label.at(0).completion_delay.count == 1);
}

TEST_CASE("while jobs are short the ways of all with a label are measured and of some without") {
  millrace::ComputeMetrics policy({});
  const auto run = [&](int jobs, const char* label) {
    for (int i = 0; i < jobs; ++i) {
      millrace::ComputeMetrics::record job;
      if (label != nullptr) policy.labelled(job, label);
      policy.submitted(job);
      policy.started(job);
      policy.finished(job, false);
      job.resuming();
    }
  };
  // However slow the machine is, the pace is what a pool makes of it.
  run(20, nullptr);
  const auto before = policy.snapshot();
  run(1600, nullptr);
  const auto after = policy.snapshot();
  CHECK(after.completion_delay.count - before.completion_delay.count ==
        after.queue_wait.count - before.queue_wait.count);
  run(160, "hash");
  CHECK(policy.snapshot().by_label.at(0).completion_delay.count == 160);
  CHECK(policy.snapshot().run_time.count == 1780);
}

TEST_CASE("NoMetrics leaves nothing in a job") {
  STATIC_REQUIRE(std::is_empty_v<millrace::NoMetrics::record>);
  STATIC_REQUIRE(std::is_empty_v<millrace::NoMetrics>);
}

TEST_CASE("jobs with a label count for it as well, each label by itself") {
  millrace::ComputeMetrics policy({.slow_job = std::chrono::nanoseconds(1)});
  const auto run = [&](const char* label) {
    millrace::ComputeMetrics::record job;
    if (label != nullptr) policy.labelled(job, label);
    policy.submitted(job);
    policy.started(job);
    wait_for_the_clock();
    policy.finished(job, false);
  };
  run("hash");
  run("resize");
  run(nullptr);
  run("hash");
  millrace::ComputeMetrics::record never;
  policy.labelled(never, "hash");
  policy.submitted(never);
  policy.unstarted(never, millrace::Unstarted::expired);
  const auto all = policy.snapshot();
  CHECK(all.submitted == 5);
  CHECK(all.completed == 4);
  REQUIRE(all.by_label.size() == 2);
  const auto& hash = all.by_label[0];
  CHECK(hash.label == "hash");
  CHECK(hash.submitted == 3);
  CHECK(hash.completed == 2);
  CHECK(hash.expired == 1);
  CHECK(hash.slow == 2);
  CHECK(hash.pending == 0);
  CHECK(hash.run_time.count == 2);
  CHECK(hash.queue_wait.count == 2);
  CHECK(all.by_label[1].label == "resize");
  CHECK(all.by_label[1].submitted == 1);
}
