#include <algorithm>
#include <array>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <thread>

#include "millrace/compute_pool.hpp"
#include "millrace/handle.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"
#include "support/one_busy.hpp"
#include "support/run.hpp"

using millrace::ComputePool;

namespace {

void check_balance(const millrace::MetricsSnapshot& metrics) {
  CHECK(metrics.submitted == metrics.completed + metrics.failed);
  CHECK(metrics.started == metrics.submitted);
  CHECK(metrics.pending == 0);
  CHECK(metrics.active == 0);
  CHECK(metrics.queue_wait.count <= metrics.submitted);  // sampled while jobs are short
  CHECK(metrics.run_time.count == metrics.submitted);
}

}  // namespace

namespace {

// Jobs may be submitted, and come to no end of their own, in five more ways.
void check_all_accounted_for(const millrace::JobMetrics& metrics) {
  CHECK(metrics.submitted == metrics.completed + metrics.failed + metrics.cancelled +
                                 metrics.expired + metrics.rejected);
  CHECK(metrics.started == metrics.completed + metrics.failed);
  CHECK(metrics.pending == 0);
  CHECK(metrics.active == 0);
  CHECK(metrics.queue_wait.count <= metrics.started);
  CHECK(metrics.run_time.count == metrics.started);
}

const auto ignore = [](std::exception_ptr) {};

}  // namespace

TEST_CASE("metrics balance after success and throw, for every operation [P44]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const auto token = test::as_tuple(asio::use_awaitable);
    for (int i = 0; i < 10; ++i) {
      co_await p.execute([] { return 1; }, token);
      co_await p.execute([] { throw 1; }, token);
      co_await p.install([] {}, token);
      co_await p.install([] { throw 1; }, token);
      co_await p.join([] {}, [] {}, token);
      co_await p.join([] {}, [] { throw 1; }, token);
      co_await p.execute_scoped([](millrace::Scope& s) { s.spawn([] {}); }, token);
      co_await p.execute_scoped([](millrace::Scope& s) { s.spawn([] { throw 1; }); }, token);
      co_await p.execute_scoped_fifo([](millrace::Scope&) { throw 1; }, token);
      check_balance(p.metrics());  // the awaiter sees its own job counted
    }
  }(pool));
  try {
    pool.execute_sync([] { throw 1; });
  } catch (int) {
  }
  const auto metrics = pool.metrics();
  check_balance(metrics);
  CHECK(metrics.completed == 40);
  CHECK(metrics.failed == 51);
  CHECK(metrics.completion_delay.count == metrics.queue_wait.count);
}

TEST_CASE("metrics balance for each label after every outcome [P44]") {
  ComputePool pool{{.threads = 1, .max_pending = 2, .overflow = millrace::Overflow::reject}};
  asio::io_context context;
  const auto past = std::chrono::steady_clock::now();
  constexpr std::array<std::string_view, 2> labels{"one", "other"};
  for (const std::string_view label : labels) {
    const millrace::JobOptions options{.label = label};
    asio::cancellation_signal signal;
    pool.execute(options, [] {}, asio::bind_executor(context, ignore));
    context.restart();
    context.run();
    pool.execute_scoped(
        options, [](millrace::Scope&) { throw 1; }, asio::bind_executor(context, ignore));
    context.restart();
    context.run();
    {
      test::OneBusy busy(pool);
      pool.install(
          options, [] {},
          asio::bind_executor(context, asio::bind_cancellation_slot(signal.slot(), ignore)));
      signal.emit(asio::cancellation_type::terminal);
      pool.join(
          {.deadline = past, .label = label}, [] {}, [] {},
          asio::bind_executor(context, [](std::exception_ptr, auto) {}));
      while (pool.metrics().pending != 0) std::this_thread::yield();
      {
        asio::io_context going;
        pool.execute(options, [] {}, asio::bind_executor(going, ignore));
      }
      for (int i = 0; i < 3; ++i) {
        pool.execute(options, [] {}, asio::bind_executor(context, ignore));
      }
    }
    context.restart();
    context.run();
    auto handle = millrace::spawn(pool, options, [] {});
    handle.async_wait(asio::use_future).get();
  }
  for (const std::string_view label : labels) {
    CHECK_THROWS_AS(pool.execute_sync({.label = label}, [] { throw 1; }), int);
  }
  const auto all = pool.metrics();
  check_all_accounted_for(all);
  REQUIRE(all.by_label.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const millrace::LabelMetrics& its = all.by_label[i];
    CAPTURE(its.label);
    CHECK(its.label == labels[i]);
    check_all_accounted_for(its);
    CHECK(its.submitted == 10);
    CHECK(its.completed == 4);
    CHECK(its.failed == 2);
    CHECK(its.cancelled == 2);
    CHECK(its.expired == 1);
    CHECK(its.rejected == 1);
    CHECK(its.queue_wait.count == 6);
    CHECK(its.completion_delay.count <= 6);
    CHECK(its.completion_delay.count >= 5);
  }
}

TEST_CASE("a handler that runs after its pool has gone is still measured") {
  asio::io_context context;
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  const auto reader = pool->instrumentation().reader();
  bool ran = false;
  pool->execute(
      {.label = "late"}, [] {},
      asio::bind_executor(context, [&](std::exception_ptr) { ran = true; }));
  while (pool->metrics().completed != 1) std::this_thread::yield();
  pool.reset();
  CHECK(reader.snapshot().completion_delay.count == 0);
  context.run();
  CHECK(ran);
  CHECK(reader.snapshot().completion_delay.count == 1);
  CHECK(reader.snapshot().by_label.at(0).completion_delay.count == 1);
}

TEST_CASE("a handler that is dropped after its pool has gone has no way back") {
  auto context = std::make_unique<asio::io_context>();
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  const auto reader = pool->instrumentation().reader();
  pool->execute({.label = "late"}, [] {}, asio::bind_executor(*context, ignore));
  while (pool->metrics().completed != 1) std::this_thread::yield();
  pool.reset();
  context.reset();
  CHECK(reader.snapshot().completion_delay.count == 0);
}

TEST_CASE(
    "of a handle the wait that the job's end ended is measured and not the fetching of a result") {
  ComputePool pool{{.threads = 1}};
  auto fetched = millrace::spawn(pool, {.label = "fetched"}, [] {});
  while (!fetched.ready()) std::this_thread::yield();
  fetched.async_wait(asio::use_future).get();
  std::latch release(1);
  auto awaited = millrace::spawn(pool, {.label = "awaited"}, [&] { release.wait(); });
  auto end = awaited.async_wait(asio::use_future);
  release.count_down();
  end.get();
  const auto all = pool.metrics();
  REQUIRE(all.by_label.size() == 2);
  CHECK(all.by_label[0].completion_delay.count == 0);
  CHECK(all.by_label[1].completion_delay.count == 1);
}

TEST_CASE("metrics balance after handlers were destroyed uncalled [P44]") {
  ComputePool pool{{.threads = 1}};
  {
    asio::io_context context;
    for (int i = 0; i < 20; ++i) {
      asio::co_spawn(context, pool.execute([] {}), asio::detached);
    }
    context.poll();  // starts the jobs, and may deliver some
    while (pool.metrics().completed != 20) std::this_thread::yield();
  }
  check_balance(pool.metrics());
}

TEST_CASE("gauges show what waits and what runs [P44]") {
  ComputePool pool{{.threads = 1}};
  std::latch running(1);
  std::latch release(1);
  pool.execute(
      [&] {
        running.count_down();
        release.wait();
      },
      asio::detached);
  running.wait();
  auto last = pool.execute([] {}, asio::use_future);
  auto metrics = pool.metrics();
  CHECK(metrics.active == 1);
  CHECK(metrics.pending == 1);
  CHECK(metrics.submitted == 2);
  release.count_down();
  last.get();
  // The future is set by the job's completion, the job before it.
  check_balance(pool.metrics());
}

TEST_CASE("counters never fall under load [P44]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<bool> stop = false;
  int fell = 0;
  int unbalanced = 0;
  std::uint64_t most_active = 0;
  std::thread reader([&] {
    millrace::MetricsSnapshot last;
    while (!stop) {
      const auto now = pool.metrics();
      fell += now.submitted < last.submitted || now.completed < last.completed ||
              now.started < last.started;
      unbalanced += now.submitted < now.started || now.started < now.completed + now.failed;
      most_active = std::max(most_active, now.active);
      last = now;
    }
  });
  for (int i = 0; i < 3000; ++i) pool.execute([] {}, asio::detached);
  pool.execute_sync([] {});
  stop = true;
  reader.join();
  CHECK(fell == 0);
  CHECK(unbalanced == 0);
  CHECK(most_active <= 2);
}

TEST_CASE("slow jobs are counted by the configured threshold [P44]") {
  ComputePool pool{{.threads = 1, .slow_job = std::chrono::microseconds(100)}};
  pool.execute_sync([] {});
  pool.execute_sync([] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
    while (std::chrono::steady_clock::now() < end) {
    }
  });
  CHECK(pool.metrics().slow >= 1);
  CHECK(pool.metrics().run_time.max >= std::chrono::microseconds(200));
}

namespace {

// A policy from outside: counts calls, shows that each comes once and in order.
class Journal {
 public:
  struct record {
    int step = 0;
  };
  explicit Journal(const millrace::ComputeConfig&) {}
  void submitted(record& job) noexcept { check(job.step++ == 0); }
  void started(record& job) noexcept { check(job.step++ == 1); }
  void finished(record& job, bool failed) noexcept {
    check(job.step++ == 2);
    ++(failed ? failures : successes);
  }
  std::atomic<int> successes = 0;
  std::atomic<int> failures = 0;
  std::atomic<int> errors = 0;

 private:
  void check(bool holds) noexcept {
    if (!holds) ++errors;
  }
};

}  // namespace

TEST_CASE("a policy of one's own sees each step of each job once, in order [P44]") {
  ComputePool<Journal> pool{{.threads = 2}};
  for (int i = 0; i < 100; ++i) {
    pool.execute([] {}, asio::use_future).get();
    auto failing = pool.execute([] { throw 1; }, asio::use_future);
    CHECK_THROWS_AS(failing.get(), int);
  }
  CHECK(pool.instrumentation().successes == 100);
  CHECK(pool.instrumentation().failures == 100);
  CHECK(pool.instrumentation().errors == 0);
}

TEST_CASE("metrics count what was cancelled in the queue, and in front of it [P44]") {
  ComputePool pool{{.threads = 1, .max_pending = 5}};
  asio::io_context context;
  std::array<asio::cancellation_signal, 10> signals;
  {
    test::OneBusy busy(pool);
    for (auto& signal : signals) {
      pool.execute(
          [] {}, asio::bind_executor(context, asio::bind_cancellation_slot(signal.slot(), ignore)));
    }
    CHECK(pool.metrics().pending == 10);
    for (std::size_t i = 0; i < 10; i += 2) {
      signals[i].emit(asio::cancellation_type::terminal);
      CHECK(pool.metrics().cancelled == i / 2 + 1);  // at once, not when a worker gets to it
      CHECK(pool.metrics().pending == 10 - (i / 2 + 1));
    }
  }
  context.run();
  for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
  const auto metrics = pool.metrics();
  check_all_accounted_for(metrics);
  CHECK(metrics.cancelled == 5);
  CHECK(metrics.completed == 6);
}

TEST_CASE("metrics count a job that was cancelled while it ran by how it ended [P44]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  for (const bool throws : {false, true}) {
    asio::cancellation_signal signal;
    std::latch running(1);
    pool.execute(
        [&](const std::stop_token& stop) {
          running.count_down();
          while (!stop.stop_requested()) std::this_thread::yield();
          if (throws) throw 1;
        },
        asio::bind_executor(context, asio::bind_cancellation_slot(signal.slot(), ignore)));
    running.wait();
    signal.emit(asio::cancellation_type::terminal);
    context.restart();
    context.run();
  }
  const auto metrics = pool.metrics();
  check_all_accounted_for(metrics);
  CHECK(metrics.completed == 1);
  CHECK(metrics.failed == 1);
  CHECK(metrics.cancelled == 0);
}

TEST_CASE("metrics count what expired, by the timer, on a worker and inline [P44]") {
  ComputePool pool{{.threads = 1, .max_pending = 2}};
  asio::io_context context;
  const auto past = std::chrono::steady_clock::now();
  const auto future = past + std::chrono::hours(1);
  {
    test::OneBusy busy(pool);
    for (int i = 0; i < 3; ++i) {
      pool.execute({.deadline = past}, [] {}, asio::bind_executor(context, ignore));
      pool.execute({.deadline = future}, [] {}, asio::bind_executor(context, ignore));
    }
    while (pool.metrics().expired != 3) std::this_thread::yield();  // while the worker is busy
    CHECK(pool.metrics().pending == 3);
  }
  context.run();
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_AS(pool.execute_sync({.deadline = past}, [] {}), std::system_error);
  }
  pool.execute_sync([&] {  // inside: inline
    CHECK_THROWS_AS(pool.execute_sync({.deadline = past}, [] {}), std::system_error);
    pool.install({.deadline = past}, [] {}, asio::bind_executor(context, ignore));
  });
  context.restart();
  context.run();
  pool.async_drain(asio::use_future).get();
  const auto metrics = pool.metrics();
  check_all_accounted_for(metrics);
  CHECK(metrics.expired == 8);
  CHECK(metrics.completed == 5);
}

TEST_CASE("metrics count what a full pool rejected [P44]") {
  ComputePool pool{{.threads = 1, .max_pending = 3, .overflow = millrace::Overflow::reject}};
  asio::io_context context;
  {
    test::OneBusy busy(pool);
    for (int i = 0; i < 10; ++i) pool.execute([] {}, asio::bind_executor(context, ignore));
    CHECK(pool.metrics().rejected == 7);
    CHECK(pool.metrics().pending == 3);
    CHECK_THROWS_AS(pool.execute_sync([] {}), std::system_error);
  }
  context.run();
  const auto metrics = pool.metrics();
  check_all_accounted_for(metrics);
  CHECK(metrics.rejected == 8);
  CHECK(metrics.completed == 4);
}

TEST_CASE("metrics count what a shutdown refused as rejected [P44]") {
  ComputePool pool{{.threads = 1, .max_pending = 3}};
  asio::io_context context;
  {
    test::OneBusy busy(pool);
    for (int i = 0; i < 10; ++i) pool.execute([] {}, asio::bind_executor(context, ignore));
    pool.shutdown();
    CHECK(pool.metrics().rejected == 10);
    CHECK(pool.metrics().pending == 0);
    CHECK(pool.metrics().active == 1);
    pool.execute([] {}, asio::bind_executor(context, ignore));
    CHECK_THROWS_AS(pool.execute_sync([] {}), std::system_error);
    asio::post(pool, [] {});  // this one runs
  }
  context.run();
  pool.async_drain(asio::use_future).get();
  const auto metrics = pool.metrics();
  check_all_accounted_for(metrics);
  CHECK(metrics.rejected == 12);
  CHECK(metrics.completed == 2);
}

TEST_CASE("metrics count what went with its context as cancelled [P44]") {
  ComputePool pool{{.threads = 1, .max_pending = 3}};
  {
    test::OneBusy busy(pool);
    {
      asio::io_context context;
      for (int i = 0; i < 5; ++i) {  // some of them parked
        pool.execute([] {}, asio::bind_executor(context, ignore));
        pool.execute([] {}, asio::bind_executor(asio::make_strand(context), ignore));
        asio::co_spawn(context, pool.execute([] {}), asio::detached);
        pool.async_drain(asio::bind_executor(context, ignore));  // no job, counts as none
      }
      context.poll();
      CHECK(pool.metrics().pending == 15);
    }
    CHECK(pool.metrics().cancelled == 15);
    CHECK(pool.metrics().pending == 0);
    CHECK(pool.metrics().active == 1);
  }
  const auto metrics = pool.metrics();
  check_all_accounted_for(metrics);
  CHECK(metrics.submitted == 16);
}

TEST_CASE("metrics count a job whose frame goes while it runs as completed [P44]") {
  ComputePool pool{{.threads = 1}};
  std::latch running(1);
  std::latch release(1);
  auto context = std::make_unique<asio::io_context>();
  pool.execute(
      [&] {
        running.count_down();
        release.wait();
      },
      asio::bind_executor(*context, ignore));
  running.wait();
  std::thread other([&] { release.count_down(); });
  context.reset();
  other.join();
  const auto metrics = pool.metrics();
  check_all_accounted_for(metrics);
  CHECK(metrics.completed == 1);
}

namespace {

// A policy from outside that wants to know about labels and about jobs that never ran, too.
class FullJournal {
 public:
  struct record {
    int step = 0;
    std::string_view label;
  };
  explicit FullJournal(const millrace::ComputeConfig&) {}
  void labelled(record& job, std::string_view label) noexcept {
    check(job.step == 0);
    job.label = label;
  }
  void submitted(record& job) noexcept { check(job.step++ == 0); }
  void started(record& job) noexcept { check(job.step++ == 1); }
  void finished(record& job, bool) noexcept {
    check(job.step++ == 2);
    ++ended;
  }
  void unstarted(record& job, millrace::Unstarted why) noexcept {
    check(job.step == 1);
    job.step = 10;
    check(job.label.empty() || job.label == "labelled");
    if (job.label == "labelled") ++with_label;
    ++reasons[static_cast<std::size_t>(why)];
  }
  std::array<std::atomic<int>, 3> reasons{};
  std::atomic<int> with_label = 0;
  std::atomic<int> ended = 0;
  std::atomic<int> errors = 0;

 private:
  void check(bool holds) noexcept {
    if (!holds) ++errors;
  }
};

}  // namespace

TEST_CASE("a policy of one's own is told why a job never ran, instead of its start [P44]") {
  ComputePool<FullJournal> pool{{.threads = 1, .max_pending = 3}};
  std::latch running(1);
  std::latch release(1);
  const millrace::JobOptions labelled{.label = "labelled"};
  asio::io_context context;
  asio::cancellation_signal signal;
  pool.execute(
      labelled,
      [&] {
        running.count_down();
        release.wait();
      },
      asio::bind_executor(context, ignore));
  running.wait();
  pool.execute(
      labelled, [] {},
      asio::bind_executor(context, asio::bind_cancellation_slot(signal.slot(), ignore)));
  signal.emit(asio::cancellation_type::terminal);
  CHECK(pool.instrumentation().reasons[0] == 1);
  pool.execute(
      {.deadline = std::chrono::steady_clock::now(), .label = "labelled"}, [] {},
      asio::bind_executor(context, ignore));
  while (pool.instrumentation().reasons[1] != 1) std::this_thread::yield();
  {
    asio::io_context other;
    for (int i = 0; i < 5; ++i) pool.execute([] {}, asio::bind_executor(other, ignore));
  }
  CHECK(pool.instrumentation().reasons[0] == 6);
  for (int i = 0; i < 5; ++i) pool.execute(labelled, [] {}, asio::bind_executor(context, ignore));
  pool.shutdown();
  CHECK(pool.instrumentation().reasons[2] == 5);
  release.count_down();
  context.run();
  CHECK(pool.instrumentation().ended == 1);
  CHECK(pool.instrumentation().with_label == 7);
  CHECK(pool.instrumentation().errors == 0);
}
