// P51: handlers on every executor that Asio's own timers take.
#include <asio/any_io_executor.hpp>
#include <asio/bind_executor.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor.hpp>
#include <asio/io_context.hpp>
#include <asio/io_context_strand.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/version.hpp>
#if ASIO_VERSION >= 102800
#include <asio/any_completion_handler.hpp>
#include <asio/bind_immediate_executor.hpp>
#endif
#include <atomic>
#include <chrono>
#include <exception>
#include <latch>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/handle.hpp"
#include "support/catch.hpp"
#include "support/outcome.hpp"

using millrace::ComputePool;
using test::code_of;

namespace {

// An executor with no property at all. What it is given runs on the calling thread.
struct Bare {
  std::atomic<int>* calls;

  template <class F>
  void execute(F&& f) const {
    ++*calls;
    std::decay_t<F>(std::forward<F>(f))();
  }
  bool operator==(const Bare&) const noexcept = default;
};

// All that can come back to a handler there: a result, a refusal, a drain, a handle's wait.
template <class Executor>
void all_come_back(asio::io_context& context, const Executor& executor) {
  asio::steady_timer timer(context, std::chrono::nanoseconds(1));
  int timers = 0;
  timer.async_wait(asio::bind_executor(executor, [&](std::error_code) { ++timers; }));

  ComputePool pool({.threads = 1});
  const auto loop = std::this_thread::get_id();
  int results = 0;
  int drained = 0;
  int refused = 0;
  int elsewhere = 0;
  const auto here = [&] { elsewhere += std::this_thread::get_id() == loop ? 0 : 1; };
  const auto result = [&] {
    return asio::bind_executor(executor, [&](std::exception_ptr, int value) {
      here();
      results += value;
    });
  };
  for (int i = 0; i < 100; ++i) pool.execute([] { return 1; }, result());
  pool.async_drain(asio::bind_executor(executor, [&](std::exception_ptr) { ++drained; }));
  context.run();
  context.restart();
  auto handle = millrace::spawn(pool, [] { return 1; });
  handle.async_wait(result());
  context.run();
  context.restart();
  pool.shutdown();
  bool initiating = true;
  pool.execute([] {}, asio::bind_executor(executor, [&](std::exception_ptr error) {
                 CHECK_FALSE(initiating);
                 here();
                 if (code_of(error) == millrace::errc::pool_shut_down) ++refused;
               }));
  initiating = false;
  context.run();
  CHECK(timers == 1);
  CHECK(results == 101);
  CHECK(drained == 1);
  CHECK(refused == 1);
  CHECK(elsewhere == 0);
}

}  // namespace

TEST_CASE("handlers come back to an io_context's own kind of strand [P51]") {
  asio::io_context context;
  all_come_back(context, asio::io_context::strand(context));
}

TEST_CASE("handlers come back to the polymorphic executor of the Networking TS [P51]") {
  asio::io_context context;
  all_come_back(context, asio::executor(context.get_executor()));
}

TEST_CASE("handlers come back to any_io_executor of whatever it holds [P51]") {
  asio::io_context context;
  all_come_back(context, asio::any_io_executor(context.get_executor()));
  context.restart();
  all_come_back(context, asio::any_io_executor(asio::make_strand(context)));
  context.restart();
  all_come_back(context, asio::any_io_executor(
                             asio::make_strand(asio::any_io_executor(asio::make_strand(context)))));
}

TEST_CASE("handlers are called by an executor without properties [P51]") {
  std::atomic<int> calls = 0;
  const Bare executor{&calls};
  std::atomic<int> handled = 0;
  {
    ComputePool pool({.threads = 1});
    std::latch done(11);
    for (int i = 0; i < 10; ++i) {
      pool.execute([] { return 1; }, asio::bind_executor(executor, [&](std::exception_ptr, int) {
                     ++handled;
                     done.count_down();
                   }));
    }
    pool.execute_sync([] {});
    pool.shutdown();
    // A refusal isn't completed in the initiating call, although the executor would.
    std::atomic<bool> initiating = true;
    std::atomic<bool> inside = false;
    const auto here = std::this_thread::get_id();
    pool.execute([] {}, asio::bind_executor(executor, [&](std::exception_ptr error) {
                   inside = std::this_thread::get_id() == here && initiating;
                   if (code_of(error) == millrace::errc::pool_shut_down) ++handled;
                   done.count_down();
                 }));
    initiating = false;
    done.wait();
    CHECK_FALSE(inside);
  }
  CHECK(handled == 11);
  CHECK(calls == 11);
}

#if ASIO_VERSION >= 102800
TEST_CASE("a type-erased completion handler is called where it is bound to [P51]") {
  asio::io_context context;
  ComputePool pool({.threads = 1});
  int sum = 0;
  bool here = true;
  const auto loop = std::this_thread::get_id();
  for (int i = 0; i < 10; ++i) {
    asio::any_completion_handler<void(std::exception_ptr, int)> handler =
        asio::bind_executor(context, [&](std::exception_ptr, int value) {
          here = here && std::this_thread::get_id() == loop;
          sum += value;
        });
    pool.execute([] { return 2; }, std::move(handler));
  }
  context.run();
  CHECK(sum == 20);
  CHECK(here);
}

TEST_CASE("an immediate executor is not used, as nothing completes in the initiating call [P51]") {
  asio::io_context context;
  ComputePool pool({.threads = 1});
  pool.shutdown();
  std::atomic<int> calls = 0;
  bool called = false;
  pool.execute([] {}, asio::bind_executor(
                          context, asio::bind_immediate_executor(
                                       Bare{&calls}, [&](std::exception_ptr) { called = true; })));
  CHECK_FALSE(called);
  context.run();
  CHECK(called);
  CHECK(calls == 0);
}
#endif
