#include "millrace/current_pool.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <exception>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "support/asio_compat.hpp"
#include "support/busy_pool.hpp"
#include "support/catch.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"

using millrace::attach;
using millrace::Attachment;
using millrace::ComputePool;
using millrace::errc;
using millrace::NoMetrics;
using test::code_of;

namespace {

// Whether the caller is a worker of `pool`, as a job.
template <class Pool>
auto on(Pool& pool) {
  return [&pool] { return pool.get_executor().running_in_this_thread(); };
}

// True if each operation ran on `pool`.
asio::awaitable<bool> each_operation(ComputePool<>& pool) {
  const auto here = on(pool);
  const auto body = [&](millrace::Scope&) { return here(); };
  bool all = co_await millrace::execute(here);
  all = co_await millrace::install(here) && all;
  const auto [first, second] = co_await millrace::join(here, here);
  all = co_await millrace::execute_scoped(body) && all;
  all = co_await millrace::execute_scoped_fifo(body) && all;
  co_return all&& first&& second;
}

asio::awaitable<void> each_operation_with(millrace::JobOptions options) {
  const auto nothing = [] {};
  const auto body = [](millrace::Scope&) {};
  co_await millrace::execute(options, nothing);
  co_await millrace::install(options, nothing);
  co_await millrace::join(options, nothing, nothing);
  co_await millrace::execute_scoped(options, body);
  co_await millrace::execute_scoped_fifo(options, body);
}

// What an operation on the current pool of `executor` completes with.
template <class Executor>
std::error_code code_on(const Executor& executor, asio::io_context& context) {
  std::error_code code;
  bool inside = true;
  bool called = false;
  millrace::execute([] { return 1; },
                    asio::bind_executor(executor, [&](const std::exception_ptr& error, int) {
                      called = !inside;
                      code = code_of(error);
                    }));
  inside = false;
  context.restart();
  context.run();
  REQUIRE(called);
  return code;
}

std::error_code code_on(asio::io_context& context) {
  return code_on(context.get_executor(), context);
}

}  // namespace

TEST_CASE("operations without a pool run on the one attached to their coroutine's context") {
  ComputePool pool{{.threads = 2}};
  asio::thread_pool context(1);
  const Attachment attached = attach(context, pool);
  SECTION("its executor") {
    CHECK(asio::co_spawn(context, each_operation(pool), asio::use_future).get());
  }
  SECTION("a strand") {
    const auto strand = asio::make_strand(context);
    CHECK(asio::co_spawn(strand, each_operation(pool), asio::use_future).get());
  }
  SECTION("any_io_executor over a strand") {
    const asio::any_io_executor any = asio::make_strand(context);
    CHECK(asio::co_spawn(any, each_operation(pool), asio::use_future).get());
  }
  SECTION("a pool that is attached to itself") {
    const Attachment itself = attach(pool, pool);
    CHECK(asio::co_spawn(pool.get_executor(), each_operation(pool), asio::use_future).get());
  }
}

TEST_CASE("operations without a pool take JobOptions") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  const Attachment attached = attach(context, pool);
  test::run(context, each_operation_with({.label = "each"}));
  const auto metrics = pool.metrics();
  REQUIRE(metrics.by_label.size() == 1);
  CHECK(metrics.by_label[0].completed == 5);
}

TEST_CASE("scopes without a pool keep their order") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  const Attachment attached = attach(context, pool);
  std::vector<int> order;
  const auto body = [&](millrace::Scope& scope) {
    for (int i = 0; i < 3; ++i) scope.spawn([&order, i] { order.push_back(i); });
  };
  test::run(context, [](const auto& b) -> asio::awaitable<void> {
    co_await millrace::execute_scoped(b);
    co_await millrace::execute_scoped_fifo(b);
  }(body));
  CHECK(order == std::vector{2, 1, 0, 0, 1, 2});
}

TEST_CASE("operations without a pool take every token") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  const Attachment attached = attach(context, pool);
  const auto one = [] { return 1; };
  int sum = 0;
  const auto add = [&](const std::exception_ptr& error, int value) { sum += error ? 0 : value; };
  millrace::execute(one, asio::bind_executor(context, add));
  millrace::execute(one, test::deferred)(asio::bind_executor(context, add));
  auto future =
      millrace::execute({.label = "future"}, one, asio::bind_executor(context, asio::use_future));
  millrace::join(one, one, asio::bind_executor(context, asio::detached));
  static_cast<void>(millrace::execute(one, test::deferred));  // never started
  context.run();
  CHECK(future.get() == 1);
  CHECK(sum == 2);
  CHECK(pool.metrics().completed == 4);
}

TEST_CASE("what a job throws and cancellation come through an operation without a pool") {
  test::BusyPool busy;
  asio::io_context context;
  const Attachment attached = attach(context, busy.pool);
  asio::cancellation_signal signal;
  std::exception_ptr failed;
  millrace::execute(
      [] {}, asio::bind_cancellation_slot(signal.slot(),
                                          asio::bind_executor(context, [&](std::exception_ptr e) {
                                            failed = std::move(e);
                                          })));
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK(code_of(failed) == std::error_code(asio::error::operation_aborted));
  busy.free_workers();
  CHECK_THROWS_AS(test::run(context,
                            []() -> asio::awaitable<void> {
                              co_await millrace::execute([] { throw std::domain_error("no"); });
                            }()),
                  std::domain_error);
}

TEST_CASE("without a pool there is an error of its own") {
  asio::io_context context;
  CHECK(code_on(context) == errc::no_current_pool);
  CHECK_THROWS_WITH(millrace::current_pool(context.get_executor()),
                    "millrace::current_pool: no pool is attached to the context of the executor");
  auto future = millrace::join([] {}, [] {}, asio::use_future);  // no executor, no context
  CHECK_THROWS_AS(future.get(), std::system_error);
}

TEST_CASE("each context finds its own pool and handlers that of their executor") {
  ComputePool one{{.threads = 1}};
  ComputePool two{{.threads = 1}};
  asio::io_context first;
  asio::io_context second;
  asio::io_context third;
  const Attachment a = attach(first, one);
  const Attachment b = attach(second, two);
  const Attachment c = attach(third, one);
  CHECK(&millrace::current_pool(first.get_executor()) == &one);
  CHECK(&millrace::current_pool(asio::make_strand(second)) == &two);
  CHECK(&millrace::current_pool(asio::any_io_executor(third.get_executor())) == &one);
  bool on_two = false;
  millrace::execute(on(two), asio::bind_executor(second, [&](const std::exception_ptr&, bool ran) {
                      on_two = ran;
                    }));
  second.run();
  CHECK(on_two);
}

TEST_CASE("a context has one pool for each instrumentation policy") {
  ComputePool pool{{.threads = 1}};
  ComputePool other{{.threads = 1}};
  ComputePool<NoMetrics> bare{{.threads = 1}};
  asio::io_context context;
  const Attachment attached = attach(context, pool);
  CHECK_THROWS_WITH(attach(context, other),
                    "millrace::attach: the context has a pool already; detach that first");
  CHECK_THROWS_AS(attach(context, pool), std::logic_error);
  CHECK(&millrace::current_pool(context.get_executor()) == &pool);
  const Attachment second = attach(context, bare);
  CHECK(&millrace::current_pool<NoMetrics>(context.get_executor()) == &bare);
  bool on_bare = false;
  test::run(context, [](ComputePool<NoMetrics>& p, bool& ran) -> asio::awaitable<void> {
    ran = co_await millrace::execute<NoMetrics>(on(p));
    const auto [one, two] = co_await millrace::join<NoMetrics>(on(p), on(p));
    ran = ran && one && two;
  }(bare, on_bare));
  CHECK(on_bare);
}

TEST_CASE("a pool is detached with its attachment") {
  ComputePool pool{{.threads = 1}};
  ComputePool other{{.threads = 1}};
  asio::io_context context;
  Attachment attached = attach(context, pool);
  SECTION("detached") {
    attached.detach();
  }
  SECTION("moved and destroyed") {
    Attachment moved(std::move(attached));
    CHECK(code_on(context) == std::error_code());
  }
  SECTION("replaced") {
    attached = Attachment();
  }
  CHECK(code_on(context) == errc::no_current_pool);
  attached.detach();
  const Attachment again = attach(context, other);
  CHECK(&millrace::current_pool(context.get_executor()) == &other);
}

TEST_CASE("operations go on when their pool is detached") {
  test::BusyPool busy;
  asio::io_context context;
  int value = 0;
  {
    const Attachment attached = attach(context, busy.pool);
    millrace::execute([] { return 3; }, asio::bind_executor(context, [&](const std::exception_ptr&,
                                                                         int v) { value = v; }));
  }
  busy.free_workers();
  context.run();
  CHECK(value == 3);
}

TEST_CASE("a pool that is destroyed before its attachment is nobody's pool") {
  asio::io_context context;
  std::optional<ComputePool<>> pool;
  pool.emplace(millrace::ComputeConfig{.threads = 1});
  Attachment first = attach(context, *pool);
  SECTION("destroyed") {
    pool.reset();
    CHECK(code_on(context) == errc::no_current_pool);
  }
  SECTION("and another takes its place, at the same address") {
    pool.reset();
    pool.emplace(millrace::ComputeConfig{.threads = 1});
    const Attachment second = attach(context, *pool);
    first.detach();
    CHECK(&millrace::current_pool(context.get_executor()) == &*pool);
    CHECK(code_on(context) == std::error_code());
  }
  SECTION("shut down, but still there") {
    pool->shutdown();
    CHECK(code_on(context) == errc::pool_shut_down);
  }
}

TEST_CASE("a pool destroyed leaves the contexts that have got another one meanwhile") {
  asio::io_context context;
  ComputePool stays{{.threads = 1}};
  std::optional<ComputePool<>> goes;
  goes.emplace(millrace::ComputeConfig{.threads = 1});
  Attachment attached = attach(context, *goes);
  attached.detach();
  attached = attach(context, stays);
  goes.reset();
  CHECK(&millrace::current_pool(context.get_executor()) == &stays);
}

TEST_CASE("a context may go before its attachment and its pool") {
  ComputePool pool{{.threads = 1}};
  auto context = std::make_unique<asio::io_context>();
  Attachment attached = attach(*context, pool);
  CHECK(code_on(*context) == std::error_code());
  context.reset();
  attached.detach();
  asio::io_context next;  // perhaps at the address of the other
  CHECK(code_on(next) == errc::no_current_pool);
  for (int i = 0; i < 100; ++i) {
    asio::io_context each;
    const Attachment there = attach(each, pool);
    CHECK(&millrace::current_pool(each.get_executor()) == &pool);
  }
}

TEST_CASE("a pool that goes is no context's pool any more") {
  asio::io_context first;
  asio::io_context second;
  auto pool = std::make_optional<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  const Attachment to_first = attach(first, *pool);
  const Attachment to_second = attach(second, *pool);
  CHECK(&millrace::current_pool(first.get_executor()) == &*pool);
  pool.reset();
  for (asio::io_context* const each : {&first, &second}) {
    CHECK_THROWS_AS(millrace::current_pool(each->get_executor()), std::system_error);
  }
}

TEST_CASE("install without a pool runs at once inside the pool") {
  ComputePool pool{{.threads = 1}};
  const Attachment attached = attach(pool, pool);
  bool at_once = false;
  pool.execute_sync([&] {
    bool ran = false;
    millrace::install([&] { ran = true; },
                      asio::bind_executor(pool.get_executor(), [](std::exception_ptr) {}));
    at_once = ran;
  });
  CHECK(at_once);
}
