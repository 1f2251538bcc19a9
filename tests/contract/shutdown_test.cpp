#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <numeric>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/counting_allocator.hpp"
#include "support/job_types.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"

using millrace::ComputePool;
using millrace::errc;
using test::code_of;
using test::comes_true;

namespace {

// A worker that is busy from the end of the constructor until release().
class BusyWorker {
 public:
  template <class Pool, class Token = asio::detached_t>
  explicit BusyWorker(Pool& pool, Token&& token = Token()) {
    pool.execute(
        [state = state_] {
          state->running.count_down();
          state->release.wait(false);
          state->ended = true;
        },
        std::forward<Token>(token));
    state_->running.wait();
  }
  ~BusyWorker() { release(); }
  BusyWorker(const BusyWorker&) = delete;
  BusyWorker& operator=(const BusyWorker&) = delete;

  void release() {
    state_->release = true;
    state_->release.notify_all();
  }
  [[nodiscard]] bool ended() const { return state_->ended; }

 private:
  struct State {
    std::latch running{1};
    std::atomic<bool> release = false;
    std::atomic<bool> ended = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Acts when its context begins to shut down: the service that was made last is told first.
class ShutdownSign final : public asio::execution_context::service {
 public:
  using key_type = ShutdownSign;
  static inline asio::execution_context::id id;

  explicit ShutdownSign(asio::execution_context& context) : service(context) {}
  template <class Context>
  static void set(Context& context, std::function<void()> action) {
    asio::use_service<ShutdownSign>(context).action_ = std::move(action);
  }

 private:
  void shutdown() override {
    if (action_) action_();
  }
  std::function<void()> action_;
};

// What became of handlers.
struct Handlers {
  std::atomic<int> called = 0;
  std::atomic<int> destroyed = 0;
  std::atomic<int> shut_down = 0;  // called with errc::pool_shut_down

  [[nodiscard]] auto make() {
    return [this, gone = test::AtEnd([this] { ++destroyed; })](const std::exception_ptr& error) {
      ++called;
      if (code_of(error) == errc::pool_shut_down) ++shut_down;
    };
  }
};

// The ways there are for completions to come back to a context.
template <class Context>
auto own_executor(Context& context) {
  return context.get_executor();
}
template <class Context>
auto own_strand(Context& context) {
  return asio::make_strand(context);
}
template <class Context>
auto any_executor(Context& context) {
  return asio::any_io_executor(context.get_executor());
}
template <class Context>
auto any_strand(Context& context) {
  return asio::any_io_executor(asio::make_strand(context));
}

// Calls `test(make_context, executor_of)` for each of them.
template <class Test>
void for_each_way_back(Test test) {
  const auto loop = [] { return std::make_unique<asio::io_context>(); };
  const auto threads = [] { return std::make_unique<asio::thread_pool>(1); };
  const auto with = [&](std::string name, auto make_context, auto executor_of) {
    INFO(name);
    test(make_context, executor_of);
  };
  with("io_context", loop, [](auto& c) { return own_executor(c); });
  with("strand of io_context", loop, [](auto& c) { return own_strand(c); });
  with("any_io_executor, io_context", loop, [](auto& c) { return any_executor(c); });
  with("any_io_executor, strand", loop, [](auto& c) { return any_strand(c); });
  with("thread_pool", threads, [](auto& c) { return own_executor(c); });
  with("strand of thread_pool", threads, [](auto& c) { return own_strand(c); });
  with("any_io_executor, thread_pool", threads, [](auto& c) { return any_executor(c); });
  with("any_io_executor, strand of thread_pool", threads, [](auto& c) { return any_strand(c); });
}

void start_pending(asio::io_context& context) {
  context.poll();
}
void start_pending(asio::thread_pool&) {}  // its threads do

}  // namespace

// --- Frames and contexts that go while jobs are out ---

TEST_CASE("a frame outlives the job that borrows from it when its context is destroyed [P18]") {
  for_each_way_back([](auto make_context, auto executor_of) {
    ComputePool pool{{.threads = 1}};
    std::latch running(1);
    std::latch release(1);
    std::atomic<bool> frame_gone = false;
    std::atomic<bool> gone_too_early = false;
    std::atomic<int> sum = 0;
    std::atomic<bool> resumed = false;
    auto context = make_context();
    auto coroutine = [&]() -> asio::awaitable<void> {
      std::vector<int> borrowed(1000, 1);
      const test::AtEnd gone([&] { frame_gone = true; });
      auto job = [&] {
        running.count_down();
        release.wait();
        gone_too_early = comes_true([&] { return frame_gone.load(); });
        for (int& each : borrowed) ++each;
        sum = std::accumulate(borrowed.begin(), borrowed.end(), 0);
      };
      co_await pool.execute(std::move(job));
      resumed = true;
    };
    asio::co_spawn(executor_of(*context), coroutine, asio::detached);
    start_pending(*context);
    running.wait();
    ShutdownSign::set(*context, [&] { release.count_down(); });
    context.reset();
    CHECK_FALSE(gone_too_early);
    CHECK(frame_gone);
    CHECK(sum == 2000);
    CHECK_FALSE(resumed);
  });
}

TEST_CASE("a frame outlives its job when a second thread lets the job end [P18]") {
  ComputePool pool{{.threads = 1}};
  for (int round = 0; round < 100; ++round) {
    std::latch running(1);
    std::latch release(1);
    std::atomic<bool> frame_gone = false;
    std::atomic<bool> gone_too_early = false;
    auto context = std::make_unique<asio::io_context>();
    auto coroutine = [&]() -> asio::awaitable<void> {
      std::string borrowed(100, 'a');
      const test::AtEnd gone([&] { frame_gone = true; });
      auto job = [&] {
        running.count_down();
        release.wait();
        for (char& each : borrowed) ++each;
        gone_too_early = frame_gone.load();
      };
      co_await pool.execute(std::move(job));
    };
    asio::co_spawn(*context, coroutine, asio::detached);
    context->poll();
    running.wait();
    std::thread other([&] { release.count_down(); });
    context.reset();
    other.join();
    CHECK_FALSE(gone_too_early);
    CHECK(frame_gone);
  }
}

TEST_CASE("handlers of queued jobs are destroyed uncalled with their context [P19]") {
  for_each_way_back([](auto make_context, auto executor_of) {
    ComputePool pool{{.threads = 1}};
    asio::io_context other;
    BusyWorker busy(pool, asio::bind_executor(other, [](std::exception_ptr) {}));
    Handlers handlers;
    test::AllocationCounts memory;
    std::atomic<int> ran = 0;
    {
      auto context = make_context();
      for (int i = 0; i < 100; ++i) {
        pool.execute([&ran, own = std::make_unique<int>(i)] { ++ran; },
                     asio::bind_executor(executor_of(*context),
                                         asio::bind_allocator(test::CountingAllocator<void>(memory),
                                                              handlers.make())));
      }
      CHECK(memory.live >= 100);
      context.reset();  // waits for ever if it waits for the other context's job
    }
    CHECK_FALSE(busy.ended());
    CHECK(handlers.destroyed == 100);
    CHECK(handlers.called == 0);
    CHECK(memory.live == 0);
    CHECK(pool.metrics().pending == 0);
    busy.release();
    CHECK(pool.execute_sync([] { return 5; }) == 5);
    pool.async_drain(asio::use_future).get();
    CHECK(ran == 0);
  });
}

TEST_CASE("frames that wait for queued jobs are destroyed with their context [P19]") {
  for_each_way_back([](auto make_context, auto executor_of) {
    ComputePool pool{{.threads = 1}};
    BusyWorker busy(pool);
    std::atomic<int> ran = 0;
    std::atomic<int> frames = 0;
    std::atomic<int> resumed = 0;
    std::latch started(50);
    auto context = make_context();
    auto coroutine = [&]() -> asio::awaitable<void> {
      const test::AtEnd gone([&] { --frames; });
      ++frames;
      auto job = [&] { ++ran; };
      auto operation = pool.execute(std::move(job));
      started.count_down();
      co_await std::move(operation);
      ++resumed;
    };
    for (int i = 0; i < 50; ++i) {
      asio::co_spawn(executor_of(*context), coroutine, asio::detached);
    }
    start_pending(*context);
    started.wait();
    context.reset();
    CHECK(frames == 0);
    CHECK(resumed == 0);
    busy.release();
    pool.async_drain(asio::use_future).get();
    CHECK(ran == 0);
  });
}

TEST_CASE("with a context its queued jobs of every priority, deadline and slot are dropped [P19]") {
  ComputePool pool{{.threads = 1}};
  BusyWorker busy(pool);
  Handlers handlers;
  std::atomic<int> ran = 0;
  std::array<asio::cancellation_signal, 8> signals;
  {
    asio::io_context context;
    asio::post(context, [&] {  // from within a turn, too
      for (std::size_t i = 0; i < 8; ++i) {
        const millrace::JobOptions options{
            .priority = static_cast<millrace::Priority>(i % 3),
            .deadline = i < 4 ? millrace::JobOptions::never
                              : std::chrono::steady_clock::now() + std::chrono::hours(1)};
        pool.execute(
            options, [&] { ++ran; },
            asio::bind_executor(context,
                                asio::bind_cancellation_slot(signals[i].slot(), handlers.make())));
        pool.execute([&] { ++ran; }, asio::bind_executor(context, handlers.make()));
      }
    });
    context.poll();
  }
  CHECK(handlers.destroyed == 16);
  CHECK(handlers.called == 0);
  busy.release();
  pool.async_drain(asio::use_future).get();
  CHECK(ran == 0);
}

TEST_CASE("a context with nothing of its own left in the pool goes at once [P19]") {
  for_each_way_back([](auto make_context, auto executor_of) {
    ComputePool pool{{.threads = 1}};
    Handlers handlers;
    auto context = make_context();
    pool.execute([] {}, asio::bind_executor(executor_of(*context), handlers.make()));
    pool.async_drain(asio::use_future).get();
    BusyWorker busy(pool);
    context.reset();
    CHECK(handlers.destroyed == 1);
  });
}

TEST_CASE("a job may destroy a context whose jobs wait behind it [P19]") {
  ComputePool pool{{.threads = 1}};
  Handlers handlers;
  std::atomic<int> ran = 0;
  auto context = std::make_unique<asio::io_context>();
  std::latch submitted(1);
  auto first = pool.execute(
      [&] {
        submitted.wait();
        context.reset();
      },
      asio::use_future);
  for (int i = 0; i < 10; ++i) {
    pool.execute([&] { ++ran; }, asio::bind_executor(*context, handlers.make()));
  }
  submitted.count_down();
  first.get();
  CHECK(handlers.destroyed == 10);
  CHECK(handlers.called == 0);
  CHECK(ran == 0);
}

TEST_CASE("a destroyed context waits for its running jobs, then destroys the handlers [P20]") {
  for_each_way_back([](auto make_context, auto executor_of) {
    ComputePool pool{{.threads = 2}};
    Handlers queued;
    std::array<Handlers, 2> handlers;
    std::latch running(2);
    std::latch release(1);
    std::atomic<bool> too_early = false;
    std::atomic<int> ended = 0;
    std::atomic<int> ran_queued = 0;
    auto context = make_context();
    for (Handlers& mine : handlers) {
      pool.execute(
          [&] {
            running.count_down();
            release.wait();
            while (queued.destroyed != 10) std::this_thread::yield();  // before those that run
            if (comes_true([&] { return mine.destroyed != 0; })) too_early = true;
            ++ended;
          },
          asio::bind_executor(executor_of(*context), mine.make()));
    }
    running.wait();
    for (int i = 0; i < 10; ++i) {
      pool.execute([&] { ++ran_queued; },
                   asio::bind_executor(executor_of(*context), queued.make()));
    }
    ShutdownSign::set(*context, [&] { release.count_down(); });
    context.reset();
    CHECK_FALSE(too_early);
    CHECK(ended == 2);
    CHECK(ran_queued == 0);
    for (const Handlers& each : handlers) {
      CHECK(each.destroyed == 1);
      CHECK(each.called == 0);
    }
    CHECK(queued.called == 0);
  });
}

TEST_CASE("results that nobody will take are destroyed with the context [P20]") {
  ComputePool pool{{.threads = 1}};
  std::atomic<int> results = 0;
  Handlers handlers;
  {
    asio::io_context context;
    for (int i = 0; i < 10; ++i) {
      pool.execute(
          [&] {
            ++results;
            return std::make_unique<test::AtEnd<std::function<void()>>>([&] { --results; });
          },
          asio::bind_executor(context, [last = handlers.make()](std::exception_ptr error,
                                                                auto) mutable { last(error); }));
    }
    pool.async_drain(asio::use_future).get();
    CHECK(results == 10);
  }
  CHECK(results == 0);
  CHECK(handlers.destroyed == 10);
  CHECK(handlers.called == 0);
}

TEST_CASE("two contexts with jobs pending for both go in either order [P21]") {
  for (const std::size_t first : {0u, 1u}) {
    ComputePool pool{{.threads = 2}};
    struct Side {
      std::unique_ptr<asio::io_context> context = std::make_unique<asio::io_context>();
      Handlers handlers;
      std::latch running{1};
      std::latch release{1};
      std::atomic<bool> ended = false;
      std::atomic<int> ran = 0;
    };
    std::array<Side, 2> sides;
    for (Side& side : sides) {
      pool.execute(
          [&side] {
            side.running.count_down();
            side.release.wait();
            while (side.handlers.destroyed != 50) std::this_thread::yield();  // those queued
            side.ended = true;
          },
          asio::bind_executor(*side.context, side.handlers.make()));
    }
    for (Side& side : sides) side.running.wait();
    for (int i = 0; i < 25; ++i) {
      for (Side& side : sides) {
        pool.execute([&side] { ++side.ran; },
                     asio::bind_executor(*side.context, side.handlers.make()));
        pool.execute([&side] { ++side.ran; },
                     asio::bind_executor(asio::make_strand(*side.context), side.handlers.make()));
      }
    }
    for (Side& side : sides) ShutdownSign::set(*side.context, [&] { side.release.count_down(); });
    Side& one = sides[first];
    Side& two = sides[1 - first];
    one.context.reset();
    CHECK(one.ended);
    CHECK(one.ran == 0);
    CHECK(one.handlers.destroyed == 51);
    CHECK_FALSE(two.ended);
    CHECK(two.handlers.destroyed == 0);
    two.context.reset();
    CHECK(two.ended);
    CHECK(two.handlers.destroyed == 51);
    CHECK(one.handlers.called + two.handlers.called == 0);
  }
}

TEST_CASE("the jobs of a context run on when another one goes [P21]") {
  ComputePool pool{{.threads = 1}};
  BusyWorker busy(pool);
  asio::io_context stays;
  Handlers gone;
  Handlers kept;
  std::vector<int> ran;
  {
    asio::io_context goes;
    for (int i = 0; i < 20; ++i) {
      pool.execute([&] { ran.push_back(-1); }, asio::bind_executor(goes, gone.make()));
      pool.execute([&ran, i] { ran.push_back(i); }, asio::bind_executor(stays, kept.make()));
    }
  }
  CHECK(gone.destroyed == 20);
  CHECK(kept.destroyed == 0);
  busy.release();
  stays.run();
  CHECK(kept.called == 20);
  std::vector<int> in_order(20);
  std::iota(in_order.begin(), in_order.end(), 0);
  CHECK(ran == in_order);
}

TEST_CASE("two contexts destroyed at the same time take their own jobs only [P21]") {
  for (int round = 0; round < 100; ++round) {
    ComputePool pool{{.threads = 2}};
    std::array<Handlers, 2> handlers;
    std::array<std::unique_ptr<asio::io_context>, 2> contexts;
    for (auto& each : contexts) each = std::make_unique<asio::io_context>();
    std::atomic<int> ran = 0;
    for (int i = 0; i < 40; ++i) {
      for (std::size_t side = 0; side < 2; ++side) {
        pool.execute([&] { ++ran; }, asio::bind_executor(*contexts[side], handlers[side].make()));
      }
    }
    std::barrier start(2);
    std::thread other([&] {
      start.arrive_and_wait();
      contexts[1].reset();
    });
    start.arrive_and_wait();
    contexts[0].reset();
    other.join();
    CHECK(handlers[0].destroyed == 40);
    CHECK(handlers[1].destroyed == 40);
    CHECK(handlers[0].called + handlers[1].called == 0);
    const auto metrics = pool.metrics();
    CHECK(metrics.completed + metrics.cancelled == 80);
    CHECK(metrics.completed == static_cast<std::uint64_t>(ran));
  }
}

// --- The pool goes first ---

TEST_CASE("jobs queued in a destroyed pool complete with pool_shut_down at once [P22]") {
  asio::io_context context;
  Handlers handlers;
  std::atomic<int> ran = 0;
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  std::atomic<bool> pool_gone = false;
  std::atomic<bool> gone_too_early = false;
  std::latch running(1);
  std::latch release(1);
  Handlers of_running;
  pool->execute(
      [&] {
        running.count_down();
        release.wait();
        gone_too_early = comes_true([&] { return pool_gone.load(); });
      },
      asio::bind_executor(context, of_running.make()));
  running.wait();
  for (int i = 0; i < 20; ++i) {
    pool->execute([&ran, own = std::make_unique<int>(i)] { ++ran; },
                  asio::bind_executor(context, handlers.make()));
  }
  std::thread destroyer([&] {
    pool.reset();
    pool_gone = true;
  });
  // While the one that runs goes on: its handler isn't among these.
  while (handlers.called < 20) context.run_one();
  CHECK(handlers.shut_down == 20);
  CHECK(of_running.called == 0);
  release.count_down();
  destroyer.join();
  CHECK_FALSE(gone_too_early);
  context.run();
  CHECK(of_running.called == 1);
  CHECK(of_running.shut_down == 0);
  CHECK(ran == 0);
}

TEST_CASE("completions come after the pool has gone, on their own executors [P22]") {
  for_each_way_back([](auto make_context, auto executor_of) {
    auto context = make_context();
    Handlers handlers;
    test::AllocationCounts memory;
    std::atomic<int> ran = 0;
    std::atomic<int> astray = 0;
    constexpr bool is_loop = std::is_same_v<decltype(*context), asio::io_context&>;
    std::latch let_handlers_run(1);
    if constexpr (!is_loop) asio::post(*context, [&] { let_handlers_run.wait(); });
    {
      auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
      BusyWorker busy(*pool);
      for (int i = 0; i < 100; ++i) {
        auto handler = [&, last = handlers.make()](const std::exception_ptr& error) mutable {
          if (!context->get_executor().running_in_this_thread()) ++astray;
          last(error);
        };
        pool->execute(
            [&] { ++ran; },
            asio::bind_executor(
                executor_of(*context),
                asio::bind_allocator(test::CountingAllocator<void>(memory), std::move(handler))));
      }
      pool->shutdown();
      busy.release();
      pool.reset();
    }
    CHECK(handlers.called == 0);
    let_handlers_run.count_down();
    if constexpr (is_loop) {
      context->run();
    } else {
      context->join();
    }
    CHECK(handlers.called == 100);
    CHECK(handlers.shut_down == 100);
    CHECK(handlers.destroyed == 100);
    CHECK(astray == 0);
    CHECK(ran == 0);
    CHECK(memory.live == 0);
  });
}

TEST_CASE("a coroutine sees pool_shut_down after its pool has gone [P22]") {
  asio::io_context context;
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  std::error_code seen;
  {
    BusyWorker busy(*pool);
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
          try {
            co_await pool->execute([] { return 1; });
          } catch (const std::system_error& error) {
            seen = error.code();
          }
        },
        asio::detached);
    context.poll();
    pool->shutdown();
  }
  pool.reset();
  context.run();
  CHECK(seen == errc::pool_shut_down);
}

TEST_CASE("a pool and then its context go with completions undelivered [P22]") {
  for_each_way_back([](auto make_context, auto executor_of) {
    Handlers handlers;
    auto context = make_context();
    {
      ComputePool pool{{.threads = 1}};
      BusyWorker busy(pool);
      for (int i = 0; i < 20; ++i) {
        pool.execute([] {}, asio::bind_executor(executor_of(*context), handlers.make()));
      }
      pool.shutdown();
    }
    context.reset();
    CHECK(handlers.destroyed == 20);
  });
}

TEST_CASE("cancelling what a pool left behind does nothing, the pool being gone [P22]") {
  asio::io_context context;
  std::deque<asio::cancellation_signal> signals(30);
  std::vector<std::error_code> seen;
  std::atomic<bool> stopped = false;
  const auto emit_all = [&] {
    for (auto& signal : signals) signal.emit(asio::cancellation_type::all);
  };
  const auto handler = [&](std::size_t i) {
    return asio::bind_executor(
        context, asio::bind_cancellation_slot(signals[i].slot(), [&](std::exception_ptr error) {
          seen.push_back(code_of(error));
        }));
  };
  std::latch running(1);
  std::latch release(1);
  {
    ComputePool pool{{.threads = 1, .max_pending = 10}};
    pool.execute(
        [&](const std::stop_token& stop) {
          running.count_down();
          release.wait();
          stopped = stop.stop_requested();
        },
        handler(0));
    running.wait();
    for (std::size_t i = 1; i < 30; ++i) {  // queued and parked, with a deadline and without
      if (i % 2 == 0) {
        pool.execute([] {}, handler(i));
      } else {
        pool.execute(
            {.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1)}, [] {},
            handler(i));
      }
    }
    pool.shutdown();
    release.count_down();
  }
  emit_all();
  CHECK(seen.empty());
  context.run();
  emit_all();
  REQUIRE(seen.size() == 30);
  CHECK_FALSE(stopped);
  CHECK(std::count(seen.begin(), seen.end(), errc::pool_shut_down) == 29);
  CHECK(std::count(seen.begin(), seen.end(), std::error_code()) == 1);
}

TEST_CASE("handlers without an executor are told before their pool has gone [P22]") {
  Handlers handlers;
  std::atomic<int> ran = 0;
  {
    ComputePool pool{{.threads = 2}};
    BusyWorker busy(pool);
    BusyWorker busy_too(pool);
    for (int i = 0; i < 50; ++i) pool.execute([&] { ++ran; }, handlers.make());
    pool.shutdown();
  }
  CHECK(handlers.called == 50);
  CHECK(handlers.shut_down == 50);
  CHECK(handlers.destroyed == 50);
  CHECK(ran == 0);
}

TEST_CASE("futures of a destroyed pool throw pool_shut_down [P22]") {
  std::vector<std::future<int>> futures;
  {
    ComputePool pool{{.threads = 1}};
    BusyWorker busy(pool);
    for (int i = 0; i < 10; ++i)
      futures.push_back(pool.execute([] { return 1; }, asio::use_future));
    pool.shutdown();
  }
  for (auto& each : futures) {
    std::error_code seen;
    try {
      each.get();
    } catch (const std::system_error& error) {
      seen = error.code();
    }
    CHECK(seen == errc::pool_shut_down);
  }
}

TEST_CASE("a destroyed pool waits for a job that runs, and for what its executor has [P22]") {
  std::atomic<bool> pool_gone = false;
  std::atomic<int> too_early = 0;
  std::atomic<int> posted = 0;
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  asio::io_context context;
  bool destroying = false;
  std::latch running(1);
  std::latch release(1);
  pool->execute(
      [&] {
        running.count_down();
        release.wait();
        if (comes_true([&] { return pool_gone.load(); })) ++too_early;
      },
      asio::detached);
  running.wait();
  for (int i = 0; i < 5; ++i) {
    asio::post(*pool, [&] {
      if (pool_gone) ++too_early;
      ++posted;
    });
  }
  pool->execute([] {},
                asio::bind_executor(context, [&](std::exception_ptr) { destroying = true; }));
  std::thread destroyer([&] {
    pool.reset();
    pool_gone = true;
  });
  context.run();  // until the pool is about to go
  CHECK(destroying);
  release.count_down();
  destroyer.join();
  CHECK(too_early == 0);
  CHECK(posted == 5);
}

TEST_CASE("after shutdown every operation is refused and nothing runs [P22]") {
  ComputePool pool{{.threads = 2}};
  pool.shutdown();
  pool.shutdown();
  std::atomic<int> ran = 0;
  const auto job = [&] { ++ran; };
  const auto refused = [](auto future) {
    try {
      future.get();
    } catch (const std::system_error& error) {
      return error.code() == errc::pool_shut_down;
    }
    return false;
  };
  CHECK(refused(pool.execute(job, asio::use_future)));
  CHECK(refused(pool.execute({.priority = millrace::Priority::high}, job, asio::use_future)));
  CHECK(refused(pool.install(job, asio::use_future)));
  CHECK(refused(pool.join(job, job, asio::use_future)));
  CHECK(refused(pool.execute_scoped([&](millrace::Scope&) { ++ran; }, asio::use_future)));
  CHECK(refused(pool.execute_scoped_fifo([&](millrace::Scope&) { ++ran; }, asio::use_future)));
  CHECK_THROWS_AS(pool.execute_sync(job), std::system_error);
  CHECK(ran == 0);
  std::latch posted(1);
  asio::post(pool, [&] { posted.count_down(); });
  posted.wait();
  pool.async_drain(asio::use_future).get();
}

TEST_CASE("a refusal after shutdown isn't completed in the initiating call [P22]") {
  ComputePool pool{{.threads = 1}};
  pool.shutdown();
  asio::io_context context;
  bool called = false;
  pool.execute([] {}, asio::bind_executor(context, [&](std::exception_ptr) { called = true; }));
  CHECK_FALSE(called);
  context.run();
  CHECK(called);
}

TEST_CASE("a job may shut its own pool down and still gets its result through [P22]") {
  ComputePool pool{{.threads = 1}};
  auto first = pool.execute(
      [&] {
        auto behind = pool.execute([] {}, asio::use_future);
        pool.shutdown();
        CHECK_THROWS_AS(behind.get(), std::system_error);  // not run, or this would wait for itself
        return 7;
      },
      asio::use_future);
  CHECK(first.get() == 7);
}

namespace {

struct Outcomes {
  std::atomic<int> submitted = 0;
  std::atomic<int> ran = 0;
  std::atomic<int> completed = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> other = 0;

  void count(const std::exception_ptr& error) {
    if (!error) {
      ++completed;
    } else if (code_of(error) == errc::pool_shut_down) {
      ++refused;
    } else {
      ++other;
    }
  }
};

// Two threads submit by `submit(pool, context, outcomes)` while this one shuts the pool down, in
// each round after more submissions. run() never returns if a job is stranded.
template <class Submit>
void race_shutdown(std::size_t max_pending, Submit submit) {
  constexpr int each = 50;
  int ran = 0;
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    asio::io_context context;
    Outcomes outcomes;
    {
      ComputePool pool{{.threads = 2, .max_pending = max_pending}};
      std::barrier start(3);
      std::vector<std::thread> submitters;
      for (int t = 0; t < 2; ++t) {
        submitters.emplace_back([&] {
          start.arrive_and_wait();
          for (int i = 0; i < each; ++i) {
            ++outcomes.submitted;
            submit(pool, context, outcomes);
          }
        });
      }
      if (round == 0) pool.shutdown();  // so that some are refused, however slow this thread is
      start.arrive_and_wait();
      while (outcomes.submitted < round % (2 * each)) std::this_thread::yield();
      while (round % 2 != 0 && outcomes.ran == 0) std::this_thread::yield();
      pool.shutdown();
      for (auto& thread : submitters) thread.join();
      context.run();
      const auto metrics = pool.metrics();
      CHECK(metrics.completed == static_cast<std::uint64_t>(outcomes.ran));
      CHECK(metrics.rejected == static_cast<std::uint64_t>(outcomes.refused));
      CHECK(metrics.pending == 0);
    }
    REQUIRE(outcomes.completed == outcomes.ran);
    REQUIRE(outcomes.completed + outcomes.refused == 2 * each);
    REQUIRE(outcomes.other == 0);
    ran += outcomes.completed;
    refused += outcomes.refused;
  }
  CHECK(ran > 0);
  CHECK(refused > 0);
}

}  // namespace

TEST_CASE("what is submitted during shutdown runs or is refused, each once [P23]") {
  const auto plain = [](auto& pool, auto& context, Outcomes& outcomes) {
    pool.execute([&] { ++outcomes.ran; },
                 asio::bind_executor(
                     context, [&](const std::exception_ptr& error) { outcomes.count(error); }));
  };
  SECTION("unbounded") {
    race_shutdown(0, plain);
  }
  SECTION("bounded") {
    race_shutdown(3, plain);
  }
}

TEST_CASE("what has a deadline and is submitted during shutdown runs or is refused [P23]") {
  race_shutdown(3, [](auto& pool, auto& context, Outcomes& outcomes) {
    pool.execute(
        {.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1)},
        [&] { ++outcomes.ran; }, asio::bind_executor(context, [&](const std::exception_ptr& error) {
          outcomes.count(error);
        }));
  });
}

TEST_CASE("execute_sync during shutdown runs or throws [P23]") {
  const auto sync = [](auto& pool, auto&, Outcomes& outcomes) {
    std::exception_ptr error;
    try {
      pool.execute_sync([&] { ++outcomes.ran; });
    } catch (...) {
      error = std::current_exception();
    }
    outcomes.count(error);
  };
  SECTION("unbounded") {
    race_shutdown(0, sync);
  }
  SECTION("bounded") {
    race_shutdown(1, sync);
  }
}

TEST_CASE("coroutines that go on submitting during shutdown all end [P23]") {
  for (int round = 0; round < 200; ++round) {
    ComputePool pool{{.threads = 2}};
    asio::io_context context;
    Outcomes outcomes;
    const auto coroutine = [&]() -> asio::awaitable<void> {
      for (;;) {
        auto job = [&] { ++outcomes.ran; };
        co_await pool.execute(std::move(job));
        ++outcomes.completed;
      }
    };
    for (int i = 0; i < 20; ++i) {
      asio::co_spawn(context, coroutine, [&](const std::exception_ptr& error) {
        if (code_of(error) == errc::pool_shut_down) ++outcomes.refused;
      });
    }
    std::thread other([&] {
      while (outcomes.ran < round) std::this_thread::yield();
      pool.shutdown();
    });
    context.run();
    other.join();
    REQUIRE(outcomes.refused == 20);
    REQUIRE(outcomes.completed == outcomes.ran);
  }
}

// --- async_drain ---

namespace {

// What async_drain's handler saw.
struct Drained {
  std::atomic<int> called = 0;
  std::atomic<int> destroyed = 0;
  std::atomic<int> ended_before = -1;

  [[nodiscard]] auto make(const std::atomic<int>& ended) {
    return [this, &ended, gone = test::AtEnd([this] { ++destroyed; })](std::exception_ptr error) {
      ended_before = error ? -2 : ended.load();
      ++called;
    };
  }
};

}  // namespace

TEST_CASE("async_drain of an idle pool completes at once, but not in the call") {
  ComputePool pool{{.threads = 1}};
  const std::atomic<int> ended = 0;
  for (int i = 0; i < 2; ++i) {  // never used, and used
    asio::io_context context;
    Drained drained;
    pool.async_drain(asio::bind_executor(context, drained.make(ended)));
    CHECK(drained.called == 0);
    context.run();
    CHECK(drained.called == 1);
    pool.execute_sync([] {});
  }
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    co_await p.execute([] {});
    co_await p.async_drain();
  }(pool));
}

TEST_CASE("async_drain waits for running, queued and parked jobs, for each of its waiters") {
  for_each_way_back([](auto make_context, auto executor_of) {
    ComputePool pool{{.threads = 1, .max_pending = 3}};
    auto context = make_context();
    std::atomic<int> ended = 0;
    std::array<Drained, 3> drained;
    std::latch running(1);
    std::latch release(1);
    pool.execute(
        [&] {
          running.count_down();
          release.wait();
          for (const auto& each : drained) {
            if (comes_true([&] { return each.called != 0; })) ended = 1000;
          }
          ++ended;
        },
        asio::detached);
    running.wait();
    for (int i = 0; i < 9; ++i) {
      if (i % 3 == 0) {
        pool.async_drain(asio::bind_executor(executor_of(*context),
                                             drained[static_cast<std::size_t>(i / 3)].make(ended)));
      }
      pool.execute([&] { ++ended; }, asio::detached);
    }
    std::thread releaser([&] { release.count_down(); });
    if constexpr (std::is_same_v<decltype(*context), asio::io_context&>) {
      context->run();
    } else {
      context->join();
    }
    releaser.join();
    for (const auto& each : drained) {
      CHECK(each.called == 1);
      CHECK(each.ended_before == 10);
      CHECK(each.destroyed == 1);
    }
  });
}

TEST_CASE("async_drain waits for what the pool's executor was given") {
  ComputePool pool{{.threads = 1}};
  std::atomic<int> ended = 0;
  asio::io_context context;
  Drained drained;
  std::latch release(1);
  asio::post(pool, [&] {
    release.wait();
    if (comes_true([&] { return drained.called != 0; })) ended = 1000;
    ++ended;
  });
  for (int i = 0; i < 9; ++i) asio::post(pool, [&] { ++ended; });
  pool.async_drain(asio::bind_executor(context, drained.make(ended)));
  context.poll();
  CHECK(drained.called == 0);
  std::thread releaser([&] { release.count_down(); });
  context.run();
  releaser.join();
  CHECK(drained.ended_before == 10);
}

TEST_CASE("async_drain doesn't wait for a tracked executor without jobs") {
  ComputePool pool{{.threads = 1}};
  [[maybe_unused]] const auto tracked =
      asio::prefer(pool.get_executor(), asio::execution::outstanding_work.tracked);
  pool.execute([] {}, asio::use_future).get();
  pool.async_drain(asio::use_future).get();
  SUCCEED("it completed");
}

TEST_CASE("a waiter in async_drain is dropped with its context, without waiting for the jobs") {
  for_each_way_back([](auto make_context, auto executor_of) {
    ComputePool pool{{.threads = 1}};
    const std::atomic<int> ended = 0;
    Drained gone;
    Drained stays;
    asio::io_context other;
    {
      BusyWorker busy(pool);
      auto context = make_context();
      pool.async_drain(asio::bind_executor(executor_of(*context), gone.make(ended)));
      pool.async_drain(asio::bind_executor(other, stays.make(ended)));
      pool.async_drain(asio::bind_executor(executor_of(*context), gone.make(ended)));
      context.reset();
      CHECK(gone.destroyed == 2);
      CHECK_FALSE(busy.ended());
    }
    other.run();
    CHECK(stays.called == 1);
    CHECK(gone.called == 0);
  });
}

TEST_CASE(
    "a waiter in async_drain that was told, but not yet called, is dropped with its context") {
  ComputePool pool{{.threads = 1}};
  const std::atomic<int> ended = 0;
  Drained drained;
  {
    asio::io_context context;
    pool.async_drain(asio::bind_executor(context, drained.make(ended)));
    pool.async_drain(asio::bind_executor(asio::make_strand(context), drained.make(ended)));
  }
  CHECK(drained.destroyed == 2);
  CHECK(drained.called == 0);
}

TEST_CASE("async_drain completes when the pool is shut down and the running job has ended") {
  ComputePool pool{{.threads = 1, .max_pending = 2}};
  std::atomic<int> ended = 0;
  asio::io_context context;
  Drained drained;
  Handlers handlers;
  {
    BusyWorker busy(pool);
    for (int i = 0; i < 5; ++i) pool.execute([&] { ++ended; }, handlers.make());
    pool.async_drain(asio::bind_executor(context, drained.make(ended)));
    pool.shutdown();
    context.poll();
    CHECK(drained.called == 0);
  }
  context.run();
  CHECK(drained.called == 1);
  CHECK(drained.ended_before == 0);
  pool.async_drain(asio::use_future).get();  // and again, now that it is shut down
}

TEST_CASE("async_drain completes when the pool is destroyed while somebody waits") {
  asio::io_context context;
  std::atomic<int> ended = 0;
  Drained drained;
  Drained without_executor;
  {
    ComputePool pool{{.threads = 1}};
    BusyWorker busy(pool);
    pool.execute([&] { ++ended; }, asio::detached);
    pool.async_drain(asio::bind_executor(context, drained.make(ended)));
    pool.async_drain(without_executor.make(ended));
  }
  CHECK(without_executor.called == 1);
  context.run();
  CHECK(drained.called == 1);
}

TEST_CASE("async_drain can be awaited again and again while others submit") {
  ComputePool pool{{.threads = 2}};
  std::atomic<bool> stop = false;
  std::thread submitter([&] {
    while (!stop) pool.execute_sync([] {});
  });
  for (int i = 0; i < 1000; ++i) pool.async_drain(asio::use_future).get();
  stop = true;
  submitter.join();
  SUCCEED("each of them completed");
}
