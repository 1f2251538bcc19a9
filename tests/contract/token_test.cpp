#include <array>
#include <asio/bind_allocator.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <variant>

#include "millrace/compute_pool.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"
#include "support/counting_allocator.hpp"
#include "support/run.hpp"

using millrace::ComputePool;

TEST_CASE("token: a callback gets exception and value [P10]") {
  ComputePool pool{{.threads = 1}};
  std::promise<std::string> promise;
  pool.execute([] { return std::string("value"); },
               [&](std::exception_ptr error, std::string value) {
                 promise.set_value(error ? "error" : std::move(value));
               });
  CHECK(promise.get_future().get() == "value");
}

TEST_CASE("token: a move-only callback works [P10]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  int got = 0;
  pool.execute([] { return 1; },
               asio::bind_executor(
                   context, [&, own = std::make_unique<int>(2)](
                                std::exception_ptr, int value) mutable { got = value + *own; }));
  context.run();
  CHECK(got == 3);
}

TEST_CASE("token: use_awaitable, given or by default [P10]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const int given = co_await p.execute([] { return 1; }, asio::use_awaitable);
    CHECK(given == 1);
    asio::awaitable<int> later = p.execute([] { return 2; });
    const int by_default = co_await std::move(later);
    CHECK(by_default == 2);
  }(pool));
}

TEST_CASE("token: deferred starts when it is called [P10]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  int got = 0;
  auto operation = pool.execute([] { return 5; }, test::deferred);
  CHECK(pool.metrics().submitted == 0);
  std::move(operation)(
      asio::bind_executor(context, [&](std::exception_ptr, int value) { got = value; }));
  context.run();
  CHECK(got == 5);
}

// Before 1.23 no coroutine can await an operation itself.
#if ASIO_VERSION >= 102300
TEST_CASE("token: a deferred operation is awaited without an awaitable of its own [P10]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const int value = co_await p.execute([] { return 7; }, test::deferred);
    CHECK(value == 7);
    bool thrown = false;
    try {
      auto fails = []() -> int { throw std::runtime_error("job"); };
      co_await p.execute(fails, test::deferred);
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    CHECK(thrown);
  }(pool));
}
#endif

TEST_CASE("token: use_future gives value and exception [P10]") {
  ComputePool pool{{.threads = 1}};
  CHECK(pool.execute([] { return 6; }, asio::use_future).get() == 6);
  pool.execute([] {}, asio::use_future).get();
  auto failing = pool.execute([]() -> int { throw std::domain_error("no"); }, asio::use_future);
  CHECK_THROWS_AS(failing.get(), std::domain_error);
}

TEST_CASE("token: as_tuple gives the exception as a value [P10]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const auto [none, value] =
        co_await p.execute([] { return 7; }, test::as_tuple(asio::use_awaitable));
    CHECK_FALSE(none);
    CHECK(value == 7);
    const auto [error, nothing] = co_await p.execute([]() -> int { throw std::domain_error("no"); },
                                                     test::as_tuple(asio::use_awaitable));
    CHECK(nothing == 0);
    CHECK_THROWS_AS(std::rethrow_exception(error), std::domain_error);
  }(pool));
}

TEST_CASE("token: detached runs the job and drops the result [P10]") {
  std::atomic<int> ran = 0;
  {
    ComputePool pool{{.threads = 1}};
    pool.execute([&] { return ++ran; }, asio::detached);
    pool.async_drain(asio::use_future).get();
  }
  CHECK(ran == 1);
}

TEST_CASE("token: bind_executor decides where the handler runs [P10]") {
  ComputePool pool{{.threads = 1}};
  asio::thread_pool other(1);
  std::latch done(1);
  bool there = false;
  pool.execute([] {}, asio::bind_executor(other, [&](std::exception_ptr) {
                 there = other.get_executor().running_in_this_thread();
                 done.count_down();
               }));
  done.wait();
  CHECK(there);
}

TEST_CASE("token: bind_allocator is asked for the memory, which is back before the handler [P10]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  test::AllocationCounts counts;
  int live_in_handler = -1;
  pool.execute([] { return 1; },
               asio::bind_executor(context.get_executor(),
                                   asio::bind_allocator(test::CountingAllocator<void>(counts),
                                                        [&](std::exception_ptr, int) {
                                                          live_in_handler = counts.live;
                                                        })));
  CHECK(counts.made >= 1);
  context.run();
  CHECK(live_in_handler == 0);
  CHECK(counts.live == 0);
}

TEST_CASE("awaitables of the pool combine with && and || [P10]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    using namespace asio::experimental::awaitable_operators;
    const auto [a, b] =
        co_await (p.execute([] { return 1; }) && p.execute([] { return std::string("two"); }));
    CHECK(a == 1);
    CHECK(b == "two");
    const auto either = co_await (p.execute([] { return 1; }) || p.execute([] { return 2; }));
    CHECK(std::visit([](int value) { return value; }, either) ==
          static_cast<int>(either.index()) + 1);
  }(pool));
}

TEST_CASE("deferred operations of the pool go into a parallel group [P10]") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  int sum = 0;
  asio::experimental::make_parallel_group(pool.execute([] { return 1; }, test::deferred),
                                          pool.execute([] { return 2; }, test::deferred))
      .async_wait(
          asio::experimental::wait_for_all(),
          asio::bind_executor(context, [&](std::array<std::size_t, 2>, std::exception_ptr, int a,
                                           std::exception_ptr, int b) { sum = a + b; }));
  context.run();
  CHECK(sum == 3);
}

TEST_CASE("every operation takes a token [P10]") {
  ComputePool pool{{.threads = 2}};
  CHECK(pool.install([] { return 1; }, asio::use_future).get() == 1);
  CHECK(pool.join([] { return 1; }, [] { return 2; }, asio::use_future).get() == std::tuple(1, 2));
  CHECK(pool.execute_scoped([](millrace::Scope&) { return 3; }, asio::use_future).get() == 3);
  CHECK(pool.execute_scoped_fifo([](millrace::Scope&) { return 4; }, asio::use_future).get() == 4);
}

TEST_CASE("a pool without metrics takes the same tokens [P10]") {
  ComputePool<millrace::NoMetrics> pool{{.threads = 1}};
  CHECK(pool.execute([] { return 6; }, asio::use_future).get() == 6);
  CHECK(pool.execute_sync([] { return 7; }) == 7);
}
