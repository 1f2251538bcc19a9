// P48, P57, P58: who owns a pool, a context or a handle, and where that goes. A hang is a failure:
// ctest's timeout sees it.
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <latch>
#include <memory>
#include <memory_resource>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/handle.hpp"
#include "support/catch.hpp"
#include "support/one_busy.hpp"
#include "support/outcome.hpp"

using millrace::ComputePool;
using millrace::errc;
using test::code_of;
using test::OneBusy;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<ComputePool<>> one_worker(std::size_t max_pending = 0) {
  return std::make_shared<ComputePool<>>(millrace::ComputeConfig{
      .threads = 1,
      .max_pending = max_pending,
      .overflow = max_pending == 0 ? millrace::Overflow::wait : millrace::Overflow::reject});
}

// Owns the memory that its operations lie in, as the handlers of a session do.
struct OwnsMemory {
  std::shared_ptr<std::pmr::unsynchronized_pool_resource> memory =
      std::make_shared<std::pmr::unsynchronized_pool_resource>();
  asio::io_context* context;

  using allocator_type = std::pmr::polymorphic_allocator<std::byte>;
  using executor_type = asio::io_context::executor_type;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return memory.get(); }
  [[nodiscard]] executor_type get_executor() const noexcept { return context->get_executor(); }
  void operator()(const std::exception_ptr&) const { FAIL("called"); }
};

// An executor whose first call tells of itself, and returns when it may.
struct SlowExecutor {
  std::latch* called;
  std::latch* may_return;

  template <class F>
  void execute(F&& f) const {
    called->count_down();
    may_return->wait();
    std::decay_t<F>(std::forward<F>(f))();
  }
  [[nodiscard]] SlowExecutor require(asio::execution::blocking_t::never_t) const noexcept {
    return *this;
  }
  bool operator==(const SlowExecutor&) const noexcept = default;
};

// A service of a context: tells when the context shuts down.
class TellsShutdown : public asio::execution_context::service {
 public:
  using key_type = TellsShutdown;
  static inline asio::execution_context::id id;

  TellsShutdown(asio::execution_context& context, std::latch& tells)
      : service(context), tells_(tells) {}

 private:
  void shutdown() override { tells_.count_down(); }

  std::latch& tells_;
};

}  // namespace

TEST_CASE("a pool may go in a turn that holds jobs back for it [P48]") {
  for (const auto spin : {0ns, 5000ns, 1000000ns}) {
    asio::io_context context;
    bool destroyed = false;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
          ComputePool<> pool({.threads = 1, .idle_spin = spin});
          for (int i = 0; i < 100; ++i) co_await pool.execute([] {});
          for (int i = 0; i < 3; ++i) pool.execute([] {}, asio::detached);
          destroyed = true;
        },
        asio::detached);
    context.run();
    CHECK(destroyed);
  }
}

TEST_CASE("a pool may go while a turn on another thread holds jobs back for it [P48]") {
  asio::io_context context;
  auto pool =
      std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1, .idle_spin = 1s});
  std::latch submitted(1);
  std::latch destroyed(1);
  std::atomic<int> refused = 0;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        co_await pool->execute([] {});
        for (int i = 0; i < 3; ++i) {
          pool->execute([] {},
                        [&](std::exception_ptr error) {
                          if (code_of(error) == errc::pool_shut_down) ++refused;
                        });
        }
        submitted.count_down();
        destroyed.wait();  // the turn goes on all the while
      },
      asio::detached);
  std::thread loop([&] { context.run(); });
  submitted.wait();
  pool.reset();
  destroyed.count_down();
  loop.join();
  CHECK(refused <= 3);  // those that the worker had not looked out for
}

TEST_CASE("a handler that is never called may be the last owner of the pool [P48]") {
  for (const bool drains : {false, true}) {
    for (const bool runs : {false, true}) {
      std::weak_ptr<ComputePool<>> seen;
      std::latch release(1);
      std::latch running(1);
      std::thread later;
      {
        asio::io_context context;
        auto pool = one_worker();
        seen = pool;
        const auto block = [&] {
          running.count_down();
          release.wait();
        };
        auto handler = asio::bind_executor(context, [pool](std::exception_ptr) { FAIL("called"); });
        if (runs) {
          pool->execute(block, std::move(handler));
        } else {
          pool->execute(block, asio::detached);
          if (drains) {
            pool->async_drain(std::move(handler));
          } else {
            pool->execute([] {}, std::move(handler));
          }
        }
        pool.reset();
        running.wait();
        later = std::thread([&] { release.count_down(); });
      }
      CHECK(seen.expired());
      later.join();
    }
  }
}

TEST_CASE("captures of a job that never runs may be the last owner of the pool [P48]") {
  // What gives the job up, and whether its handler has an executor of its own.
  enum class how { cancelled, expired, refused, rejected };
  for (const how ends : {how::cancelled, how::expired, how::refused, how::rejected}) {
    for (const bool bound : {true, false}) {
      asio::io_context context;
      asio::cancellation_signal signal;
      std::error_code seen;
      std::optional<std::latch> told(std::in_place, 1);
      std::weak_ptr<ComputePool<>> watch;
      {
        auto pool = one_worker(ends == how::rejected ? 1 : 0);
        watch = pool;
        ComputePool<>& raw = *pool;
        auto busy = std::make_unique<OneBusy<ComputePool<>>>(raw);
        if (ends == how::rejected) raw.execute([] {}, asio::detached);
        const auto handler = [&](std::exception_ptr error) {
          seen = code_of(error);
          told->count_down();
        };
        const millrace::JobOptions options{
            .deadline = ends == how::expired ? std::chrono::steady_clock::now() + 5ms
                                             : std::chrono::steady_clock::time_point::max()};
        auto job = [pool = std::move(pool)] { FAIL("ran"); };
        // The pool waits for the job that runs: on this thread, or on the timer's.
        std::thread later([&] {
          while (!watch.expired()) std::this_thread::yield();
          busy->release();
        });
        if (bound) {
          raw.execute(
              options, std::move(job),
              asio::bind_executor(context, asio::bind_cancellation_slot(signal.slot(), handler)));
        } else {
          raw.execute(options, std::move(job),
                      asio::bind_cancellation_slot(signal.slot(), handler));
        }
        if (ends == how::cancelled) signal.emit(asio::cancellation_type::terminal);
        if (ends == how::refused) raw.shutdown();
        if (bound) context.run();
        later.join();
        busy.reset();
        while (!watch.expired()) std::this_thread::yield();
      }
      if (bound) {
        CHECK(seen == (ends == how::cancelled ? std::error_code(asio::error::operation_aborted)
                       : ends == how::expired ? make_error_code(errc::deadline_exceeded)
                       : ends == how::refused ? make_error_code(errc::pool_shut_down)
                                              : make_error_code(errc::queue_full)));
      }
    }
  }
}

TEST_CASE("a job may own the handle of another one that is given up with it [P48]") {
  for (const std::size_t max_pending : {0u, 1u}) {
    ComputePool<> pool({.threads = 1, .max_pending = max_pending});
    OneBusy busy(pool);
    auto b = millrace::spawn(pool, [] { return 1; });
    // Before b in the batch that is given up: by its priority, or as the one that is parked.
    millrace::spawn(pool, {.priority = millrace::Priority::high}, [b = std::move(b)] {
      return b.ready();
    }).detach();
    pool.shutdown();
    busy.release();
  }
}

TEST_CASE("jobs that own each other's handles in a ring are given up together [P48]") {
  ComputePool<> pool({.threads = 1});
  OneBusy busy(pool);
  struct Ring {
    millrace::ComputeHandle<void> next;
  };
  auto first = std::make_shared<Ring>();
  auto second = std::make_shared<Ring>();
  second->next = millrace::spawn(pool, [first] {});
  first->next = millrace::spawn(pool, [second] {});
  first.reset();
  second.reset();
  pool.shutdown();
  busy.release();
}

TEST_CASE("who owns the pool and a handle may end both while the handle's job is given up [P48]") {
  auto pool = one_worker();
  OneBusy busy(*pool);
  millrace::ComputeHandle<void> last;
  // The first job's end is what ends the pool; the last one has left that, but hasn't ended.
  auto ends = std::shared_ptr<void>(nullptr, [&](void*) {
    busy.release();
    pool.reset();
    last.cancel();
  });
  auto first = millrace::spawn(*pool, [ends] { FAIL("ran"); });
  last = millrace::spawn(*pool, [] { FAIL("ran"); });
  ends.reset();
  pool->shutdown();
  CHECK(pool == nullptr);
}

TEST_CASE("a job's captures may own the context of another that is given up with it [P48]") {
  ComputePool<> pool({.threads = 1});
  OneBusy busy(pool);
  auto context = std::make_shared<asio::io_context>();
  asio::io_context& raw = *context;
  bool dropped = false;
  auto tells = std::shared_ptr<void>(nullptr, [&](void*) { dropped = true; });
  pool.execute([] {}, asio::bind_executor(raw, [tells](std::exception_ptr) { FAIL("called"); }));
  tells.reset();
  // Without an executor: this one's captures are destroyed by who gives it up.
  pool.execute([context = std::move(context)] { FAIL("ran"); }, asio::detached);
  pool.shutdown();
  CHECK(dropped);
  busy.release();
}

TEST_CASE("a job may be the last owner of a context that waits for its pool, which goes [P48]") {
  std::latch running(1);
  std::latch goes(1);
  bool dropped = false;
  {
    ComputePool<> pool({.threads = 1});
    auto context = std::make_shared<asio::io_context>();
    asio::io_context& raw = *context;
    pool.execute(
        [&, context = std::move(context)]() mutable {
          running.count_down();
          goes.wait();
          context.reset();
        },
        asio::detached);
    running.wait();
    pool.async_drain(asio::bind_executor(raw, [tells = std::shared_ptr<void>(nullptr, [&](void*) {
                                                 dropped = true;
                                               })](std::exception_ptr) { FAIL("called"); }));
    // Given up when the pool goes, which then waits for the other job.
    pool.execute([last = std::shared_ptr<void>(nullptr, [&](void*) { goes.count_down(); })] {},
                 asio::detached);
  }
  CHECK(dropped);
}

TEST_CASE("a handler that is never called may own the memory of its operation [P7] [P48]") {
  ComputePool<> pool({.threads = 1});
  OneBusy busy(pool);
  {
    asio::io_context context;
    OwnsMemory executes{.context = &context};
    pool.execute([] {}, std::move(executes));
    OwnsMemory drains{.context = &context};
    pool.async_drain(std::move(drains));
    auto handle = millrace::spawn(pool, [] {});
    OwnsMemory waits{.context = &context};
    handle.async_wait(std::move(waits));
  }
  busy.release();
}

TEST_CASE("an operation that comes home to another pool's executor ends with that pool [P48]") {
  bool dropped = false;
  std::latch giving_up(1);
  std::latch home_goes(1);
  std::latch told(1);
  ComputePool<> pool({.threads = 1});
  {
    auto home = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
    OneBusy busy(pool);
    pool.execute([] {}, asio::bind_executor(SlowExecutor{&giving_up, &home_goes},
                                            [&](std::exception_ptr) { told.count_down(); }));
    pool.execute([] {}, asio::bind_executor(home->get_executor(),
                                            [tells = std::shared_ptr<void>(nullptr, [&](void*) {
                                               dropped = true;
                                             })](std::exception_ptr) { FAIL("called"); }));
    asio::make_service<TellsShutdown>(*home, home_goes);
    std::thread shuts_down([&] { pool.shutdown(); });
    giving_up.wait();  // the second is out of the queue, but not on its way
    home.reset();      // whose workers have gone when the first goes on
    shuts_down.join();
    told.wait();
    busy.release();
  }
  CHECK(dropped);
}

TEST_CASE("what is suspended on the pool's executor is destroyed with the pool [P57]") {
  bool destroyed = false;
  std::latch suspended(1);
  {
    ComputePool<> pool({.threads = 1});
    asio::co_spawn(
        pool,
        [&]() -> asio::awaitable<void> {
          const std::shared_ptr<void> tells(nullptr, [&](void*) { destroyed = true; });
          asio::steady_timer never(co_await asio::this_coro::executor, 1h);
          asio::post(co_await asio::this_coro::executor, [&] { suspended.count_down(); });
          co_await never.async_wait(asio::use_awaitable);
        },
        asio::detached);
    suspended.wait();
  }
  CHECK(destroyed);
}

TEST_CASE("coroutines that never stop posting to the pool are destroyed with it [P57]") {
  std::atomic<int> destroyed = 0;
  std::latch turning(2);
  {
    ComputePool<> pool({.threads = 2});
    for (int i = 0; i < 2; ++i) {
      asio::co_spawn(
          pool,
          [&]() -> asio::awaitable<void> {
            const std::shared_ptr<void> tells(nullptr, [&](void*) { ++destroyed; });
            const auto executor = co_await asio::this_coro::executor;
            for (int round = 0;; ++round) {
              co_await asio::post(executor, asio::use_awaitable);
              if (round == 10) turning.count_down();
            }
          },
          asio::detached);
    }
    turning.wait();
  }
  CHECK(destroyed == 2);
}

TEST_CASE("a signal that travels by the pool's executor overtakes the job that it cancels [P58]") {
  ComputePool<> pool({.threads = 1});
  for (int round = 0; round < 100; ++round) {
    asio::cancellation_signal signal;
    std::atomic<bool> ran = false;
    std::error_code seen;
    {
      OneBusy busy(pool);
      pool.execute(
          {.priority = millrace::Priority::high}, [&] { ran = true; },
          asio::bind_executor(
              pool.get_executor(),
              asio::bind_cancellation_slot(
                  signal.slot(), [&](std::exception_ptr error) { seen = code_of(error); })));
      asio::dispatch(pool.get_executor(), [&] { signal.emit(asio::cancellation_type::total); });
      busy.release();
    }
    pool.async_drain(asio::use_future).get();
    REQUIRE_FALSE(ran);
    REQUIRE(seen == asio::error::operation_aborted);
  }
}

TEST_CASE("jobs get their turn beside functions that keep the pool's executor busy [P58]") {
  std::atomic<bool> stop = false;
  ComputePool<> pool({.threads = 1});  // goes first: the last of them look at `stop`
  struct Reposts {
    ComputePool<>& pool;
    std::atomic<bool>& stop;
    void operator()() const {
      if (!stop) asio::post(pool, *this);
    }
  };
  for (int i = 0; i < 4; ++i) asio::post(pool, Reposts{pool, stop});
  CHECK(pool.execute([] { return 7; }, asio::use_future).get() == 7);
  stop = true;
}

TEST_CASE("a pool that a job makes works like any other [P59]") {
  ComputePool<> outer({.threads = 2});
  for (int round = 0; round < 200; ++round) {
    const int seven = outer
                          .execute(
                              [] {
                                ComputePool<> inner({.threads = 1});
                                int sum = inner.execute_sync([] { return 3; });
                                sum += inner.execute([] { return 4; }, asio::use_future).get();
                                return sum;
                              },
                              asio::use_future)
                          .get();
    REQUIRE(seven == 7);
  }
}

TEST_CASE("after stop() no further handler is called until the next run() [P50]") {
  ComputePool<> pool({.threads = 1, .idle_spin = 0ns});
  asio::io_context context;
  int called = 0;
  for (int i = 0; i < 10; ++i) {
    pool.execute([] {}, asio::bind_executor(context, [&](std::exception_ptr) {
                   ++called;
                   context.stop();
                 }));
  }
  pool.execute_sync([] {});  // by now all ten are ready
  for (int runs = 1; runs <= 10; ++runs) {
    context.run();
    CHECK(called == runs);
    context.restart();
  }
  context.run();
  CHECK(called == 10);
}
