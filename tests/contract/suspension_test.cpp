#include <asio/awaitable.hpp>
#include <chrono>
#include <exception>
#include <stop_token>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/each_suspension.hpp"
#include "support/outcome.hpp"

using millrace::ComputePool;
using millrace::JobOptions;
using millrace::Priority;
using millrace::Scope;
using std::chrono_literals::operator""h;
using test::Interruption;
using test::JobIs;
using test::Journey;
using test::RunsOn;

namespace {

constexpr int operations = 7;

// One operation of each kind, each with a job that refers to this frame. What is moved into a job
// has a name first: g++ 12 destroys a temporary's captures twice.
asio::awaitable<void> one_of_each(ComputePool<>& pool, Journey& journey) {
  const Journey::Owned in_frame(journey);
  Journey::Frame frame(journey);
  const auto job = [&frame, owned = Journey::Owned(journey)] {
    frame.in_job();
    return 1;
  };
  const auto stoppable = [&frame, owned = Journey::Owned(journey)](std::stop_token) {
    frame.in_job();
  };
  const auto other = [owned = Journey::Owned(journey)] { return 2; };
  const auto scoped = [&frame, owned = Journey::Owned(journey)](Scope& scope) {
    scope.spawn([owned] {});
    frame.in_job();
  };
  const JobOptions urgent{.priority = Priority::high};
  const JobOptions dated{.deadline = std::chrono::steady_clock::now() + 1h};

  frame.starts_operation();
  co_await pool.execute(job);
  frame.starts_operation();
  co_await pool.install(job);
  frame.starts_operation();
  co_await pool.join(job, other);
  frame.starts_operation();
  co_await pool.execute_scoped(scoped);
  frame.starts_operation();
  co_await pool.execute(urgent, stoppable);
  frame.starts_operation();
  co_await pool.execute(dated, stoppable);
  frame.starts_operation();
  co_await pool.execute(stoppable);
  if (frame.touched != operations) throw std::logic_error("not every job has run");
}

// Interrupts after no handler, one, two, ... until the coroutine comes to its end.
void at_each_suspension(Interruption how, JobIs where, RunsOn on) {
  test::Traveller<decltype(one_of_each)> travel{how, where, on, one_of_each};
  int times_out = 0;
  for (int handlers = 0;; ++handlers) {
    REQUIRE(handlers < 1000);
    const test::Arrival arrival = travel(handlers);
    CAPTURE(static_cast<int>(where), static_cast<int>(on), handlers);
    CHECK(arrival.live == 0);
    CHECK(arrival.wrong == 0);
    CHECK_FALSE(arrival.ran_when_queued);
    times_out += arrival.was_out ? 1 : 0;
    if (arrival.completed) {
      CHECK_FALSE(arrival.error);
      break;
    }
    if (how == Interruption::cancel) {
      CHECK(arrival.ended);
      // A job that runs, and has a result all the same, may have been the last.
      if (where == JobIs::queued && arrival.was_out) CHECK(test::aborted(arrival.error));
      if (arrival.error) CHECK(test::aborted(arrival.error));
    } else {
      CHECK_FALSE(arrival.ended);
    }
  }
  if (where != JobIs::anywhere) CHECK(times_out == operations);
}

void in_each_place(Interruption how) {
  for (const JobIs where : {JobIs::anywhere, JobIs::queued, JobIs::running}) {
    for (const RunsOn on : {RunsOn::context, RunsOn::strand}) at_each_suspension(how, where, on);
  }
}

}  // namespace

TEST_CASE("context and then pool destroyed at each suspension: nothing runs, nothing leaks [P18]") {
  in_each_place(Interruption::context_then_pool);
}

TEST_CASE("pool and then context destroyed at each suspension: nothing leaks [P22]") {
  in_each_place(Interruption::pool_then_context);
}

TEST_CASE("cancelled at each suspension: the coroutine ends, nothing leaks [P12]") {
  in_each_place(Interruption::cancel);
}
