#include <asio/detached.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "millrace/compute_pool.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"
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
  std::thread reader([&] {
    millrace::MetricsSnapshot last;
    while (!stop) {
      const auto now = pool.metrics();
      if (now.submitted < last.submitted || now.completed < last.completed ||
          now.started < last.started || now.submitted < now.started ||
          now.started < now.completed + now.failed || now.active > 2) {
        FAIL("inconsistent snapshot");
      }
      last = now;
    }
  });
  for (int i = 0; i < 3000; ++i) pool.execute([] {}, asio::detached);
  pool.execute_sync([] {});
  stop = true;
  reader.join();
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
