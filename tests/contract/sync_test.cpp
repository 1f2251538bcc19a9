#include <oneapi/tbb/parallel_for.h>

#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using millrace::ComputePool;

TEST_CASE("execute_sync returns the value or throws what the job throws [P34]") {
  ComputePool pool{{.threads = 1}};
  CHECK(pool.execute_sync([] { return 1; }) == 1);
  CHECK(*pool.execute_sync([] { return std::make_unique<int>(2); }) == 2);
  int object = 0;
  int& reference = pool.execute_sync([&]() -> int& { return object; });
  CHECK(&reference == &object);
  CHECK_THROWS_AS(pool.execute_sync([] { throw std::out_of_range("x"); }), std::out_of_range);
}

TEST_CASE("execute_sync runs on a worker for a plain thread [P34]") {
  ComputePool pool{{.threads = 1}};
  CHECK(pool.execute_sync([] { return std::this_thread::get_id(); }) != std::this_thread::get_id());
}

TEST_CASE("execute_sync from inside the pool runs inline [P34]") {
  ComputePool pool{{.threads = 1}};
  const bool same_thread = pool.execute_sync([&] {
    const auto outer = std::this_thread::get_id();
    return pool.execute_sync(
        [&] { return pool.execute_sync([&] { return std::this_thread::get_id() == outer; }); });
  });
  CHECK(same_thread);
  const auto metrics = pool.metrics();
  CHECK(metrics.completed == 3);
  CHECK(metrics.active == 0);
}

TEST_CASE("execute_sync from a parallel_for inside the pool runs inline [P34]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<int> moved = 0;
  pool.install(
          [&] {
            tbb::parallel_for(0, 100, [&](int) {
              const auto outer = std::this_thread::get_id();
              if (pool.execute_sync([] { return std::this_thread::get_id(); }) != outer) ++moved;
            });
          },
          asio::use_future)
      .get();
  CHECK(moved == 0);
}

TEST_CASE("install from inside the pool runs inline [P34]") {
  ComputePool pool{{.threads = 1}};
  asio::co_spawn(
      pool,
      [&]() -> asio::awaitable<void> {
        const auto outer = std::this_thread::get_id();
        std::atomic<bool> at_once = false;
        auto operation = pool.install([&] { at_once = std::this_thread::get_id() == outer; });
        co_await std::move(operation);
        CHECK(at_once);
        // Not behind a job that was submitted before it.
        std::vector<int> order;
        pool.execute([&] { order.push_back(2); }, [](std::exception_ptr) {});
        co_await pool.install([&] { order.push_back(1); });
        CHECK(order.at(0) == 1);
        co_await pool.execute([] {});
        CHECK(order == std::vector<int>{1, 2});
      },
      asio::use_future)
      .get();
}

TEST_CASE("pool A -> B -> A with one worker each completes [P34]") {
  ComputePool a{{.threads = 1}};
  ComputePool b{{.threads = 1}};
  CHECK(a.execute_sync([&] {
    return b.execute_sync(
        [&] { return a.execute_sync([&] { return b.execute_sync([] { return 9; }); }); });
  }) == 9);
  // And once more, so that nothing was left behind on either worker.
  CHECK(b.execute_sync(
            [&] { return a.execute_sync([&] { return b.execute_sync([] { return 8; }); }); }) == 8);
}

TEST_CASE("many plain threads share a pool [P34]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<int> sum = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) sum += pool.execute_sync([] { return 1; });
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(sum == 2000);
}
