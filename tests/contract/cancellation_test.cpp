#include <algorithm>
#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/asio_compat.hpp"
#include "support/busy_pool.hpp"
#include "support/catch.hpp"
#include "support/counting_allocator.hpp"
#include "support/job_types.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/stop.hpp"

#if ASIO_VERSION >= 103200
#include <asio/cancel_after.hpp>
#endif

using asio::cancellation_type;
using millrace::ComputePool;
using millrace::Priority;
using test::BusyPool;
using test::wait_for_stop;

namespace {

// What an operation completed with, on a loop of its own.
struct Outcome {
  int calls = 0;
  std::exception_ptr error;
  int value = -1;

  [[nodiscard]] bool aborted() const { return test::aborted(error); }
};

// One operation with a slot: its loop, its signal, its outcome.
struct Cancellable {
  asio::io_context context;
  asio::cancellation_signal signal;
  Outcome outcome;

  template <class Handler>
  [[nodiscard]] auto bound(Handler handler) {
    return asio::bind_cancellation_slot(signal.slot(),
                                        asio::bind_executor(context, std::move(handler)));
  }
  [[nodiscard]] auto token() {
    return bound([this](std::exception_ptr error, int value) {
      ++outcome.calls;
      outcome.error = std::move(error);
      outcome.value = value;
    });
  }
};

constexpr std::array all_types = {cancellation_type::terminal, cancellation_type::partial,
                                  cancellation_type::total, cancellation_type::all};

}  // namespace

// --- While queued ---

TEST_CASE("a job that is cancelled while queued never runs and completes at once [P11] [P14]") {
  for (const auto type : all_types) {
    Cancellable it;
    std::atomic<bool> ran = false;
    BusyPool busy;
    busy.pool.execute([&] { return ran = true, 1; }, it.token());
    it.signal.emit(type);
    CHECK(it.outcome.calls == 0);  // not inside of emit
    it.context.run();              // for ever, if it had to wait for the worker
    CHECK(it.outcome.calls == 1);
    CHECK(it.outcome.aborted());
    CHECK(busy.pool.metrics().cancelled == 1);
    CHECK(busy.pool.metrics().pending == 0);
    busy.free_workers();
    busy.pool.execute_sync([] {});
    CHECK_FALSE(ran);
    CHECK(busy.pool.metrics().completed == 2);
  }
}

TEST_CASE("a queued job takes its captures with it before it completes as cancelled [P8] [P11]") {
  BusyPool busy;
  Cancellable it;
  bool destroyed = false;
  bool destroyed_in_handler = false;
  busy.pool.execute([capture = test::AtEnd([&] { destroyed = true; })] { return 1; },
                    it.bound([&](std::exception_ptr, int) { destroyed_in_handler = destroyed; }));
  CHECK_FALSE(destroyed);
  it.signal.emit(cancellation_type::terminal);
  it.context.run();
  CHECK(destroyed_in_handler);
}

TEST_CASE("the slot is cleared before the handler, which may use it again [P11]") {
  BusyPool busy;
  Cancellable it;
  bool slot_used_in_handler = true;
  std::atomic<bool> ran = false;
  busy.pool.execute([&] { ran = true; }, it.bound([&](std::exception_ptr) {
    slot_used_in_handler = it.signal.slot().has_handler();
    it.signal.emit(cancellation_type::terminal);
    busy.pool.execute([&] { return ran = true, 1; }, it.token());
    it.signal.emit(cancellation_type::terminal);
  }));
  it.signal.emit(cancellation_type::terminal);
  it.context.run();
  CHECK_FALSE(slot_used_in_handler);
  CHECK(it.outcome.calls == 1);
  CHECK(it.outcome.aborted());
  CHECK_FALSE(it.signal.slot().has_handler());
  busy.free_workers();
  busy.pool.execute_sync([] {});
  CHECK_FALSE(ran);
}

TEST_CASE("any of several queued jobs can be cancelled, and the others keep their order [P11]") {
  constexpr std::size_t count = 5;
  for (unsigned set = 0; set < 1u << count; ++set) {
    for (const bool rising : {true, false}) {
      asio::io_context context;
      std::array<asio::cancellation_signal, count> signals;
      std::vector<std::size_t> ran;
      std::vector<std::size_t> aborted;
      std::vector<std::size_t> expected_to_run;
      std::size_t expected_aborts = 0;
      BusyPool busy;
      for (std::size_t i = 0; i < count; ++i) {
        busy.pool.execute(
            [&ran, i] { ran.push_back(i); },
            asio::bind_cancellation_slot(signals[i].slot(),
                                         asio::bind_executor(context, [&, i](std::exception_ptr e) {
                                           if (e) aborted.push_back(i);
                                         })));
        if ((set >> i & 1u) == 0) expected_to_run.push_back(i);
      }
      for (std::size_t n = 0; n < count; ++n) {
        const std::size_t i = rising ? n : count - 1 - n;
        if ((set >> i & 1u) == 0) continue;
        signals[i].emit(cancellation_type::terminal);
        ++expected_aborts;
      }
      while (aborted.size() < expected_aborts) context.run_one();
      busy.free_workers();
      context.run();
      REQUIRE(ran == expected_to_run);
      REQUIRE(aborted.size() == expected_aborts);
      for (const std::size_t i : aborted) REQUIRE((set >> i & 1u) != 0);
    }
  }
}

TEST_CASE("a queued job of each priority can be cancelled, among others of each priority [P11]") {
  constexpr std::array priorities = {Priority::high, Priority::normal, Priority::low};
  for (const Priority cancelled : priorities) {
    std::vector<Priority> ran;
    Cancellable it;
    BusyPool busy;
    const auto start_others = [&] {
      for (const Priority each : priorities) {
        busy.pool.execute({.priority = each}, [&, each] { ran.push_back(each); }, asio::detached);
      }
    };
    start_others();
    busy.pool.execute(
        {.priority = cancelled}, [&] { return ran.push_back(cancelled), 1; }, it.token());
    start_others();
    it.signal.emit(cancellation_type::terminal);
    it.context.run();
    CHECK(it.outcome.aborted());
    busy.free_workers();
    busy.pool.async_drain(asio::use_future).get();
    CHECK(ran.size() == 6);
  }
}

TEST_CASE("every operation can be cancelled while queued [P11]") {
  asio::io_context context;
  std::array<asio::cancellation_signal, 5> signals;
  std::atomic<bool> ran = false;
  std::vector<int> aborted;
  BusyPool busy;
  ComputePool<>& pool = busy.pool;
  const auto note = [&](std::size_t which) {
    return asio::bind_cancellation_slot(
        signals[which].slot(),
        asio::bind_executor(context, [&, which](std::exception_ptr error, auto&&...) {
          if (test::aborted(error)) aborted.push_back(static_cast<int>(which));
        }));
  };
  const auto job = [&] { ran = true; };
  const auto scoped = [&](millrace::Scope& scope) { scope.spawn(job); };
  pool.execute(job, note(0));
  pool.install(job, note(1));
  pool.join(job, job, note(2));
  pool.execute_scoped(scoped, note(3));
  pool.execute_scoped_fifo(scoped, note(4));
  for (auto& each : signals) each.emit(cancellation_type::terminal);
  context.run();
  CHECK(aborted == std::vector{0, 1, 2, 3, 4});
  busy.free_workers();
  pool.execute_sync([] {});
  CHECK_FALSE(ran);
}

TEST_CASE("what a turn holds back can be cancelled in the same turn [P11]") {
  // The worker is busy and the loop within a turn when the handler submits: nothing is pushed yet.
  constexpr std::size_t count = 3;
  for (std::size_t cancelled = 0; cancelled < count; ++cancelled) {
    asio::io_context context;
    std::array<asio::cancellation_signal, count> signals;
    std::latch running(1);
    std::latch go_on(1);
    std::vector<std::size_t> ran;
    std::vector<std::size_t> aborted;
    ComputePool pool{{.threads = 1}};
    const auto submit = [&](std::size_t i) {
      pool.execute(
          [&ran, i] { ran.push_back(i); },
          asio::bind_cancellation_slot(signals[i].slot(),
                                       asio::bind_executor(context, [&, i](std::exception_ptr e) {
                                         if (e) aborted.push_back(i);
                                       })));
    };
    pool.execute([] {}, asio::bind_executor(context, [&](std::exception_ptr) {
                   running.wait();
                   for (std::size_t i = 0; i < count; ++i) submit(i);
                   signals[cancelled].emit(cancellation_type::terminal);
                 }));
    pool.execute(
        [&] {
          running.count_down();
          go_on.wait();
        },
        asio::detached);
    while (aborted.empty()) context.run_one();
    go_on.count_down();
    context.run();
    std::vector<std::size_t> others = {0, 1, 2};
    std::erase(others, cancelled);
    CHECK(aborted == std::vector{cancelled});
    CHECK(ran == others);
  }
}

// --- While running ---

namespace {

// A stoppable job that shows where it is, and waits for leave to end.
struct Stages {
  std::latch running{1};
  std::latch stopped{1};
  std::latch may_end{1};

  void run(const std::stop_token& stop) {
    running.count_down();
    wait_for_stop(stop);
    stopped.count_down();
    may_end.wait();
  }
};

}  // namespace

TEST_CASE("a running job sees its stop token; it completes when it ends, with its value [P12]") {
  for (const auto type :
       {cancellation_type::terminal, cancellation_type::partial, cancellation_type::all}) {
    Stages stages;
    Cancellable it;
    bool destroyed = false;
    bool destroyed_in_handler = false;
    ComputePool pool{{.threads = 1}};
    pool.execute(
        [&, capture = test::AtEnd([&] { destroyed = true; })](const std::stop_token& stop) {
          stages.run(stop);
          return 7;
        },
        it.bound([&](std::exception_ptr error, int value) {
          it.outcome = {it.outcome.calls + 1, error, value};
          destroyed_in_handler = destroyed;
        }));
    stages.running.wait();
    it.signal.emit(type);
    stages.stopped.wait();
    CHECK(it.context.poll() == 0);  // it has been told, and hasn't ended
    CHECK_FALSE(destroyed);
    stages.may_end.count_down();
    it.context.run();
    CHECK(it.outcome.calls == 1);
    CHECK_FALSE(it.outcome.error);
    CHECK(it.outcome.value == 7);
    CHECK(destroyed_in_handler);
    CHECK_FALSE(it.signal.slot().has_handler());
    CHECK(pool.metrics().completed == 1);
    CHECK(pool.metrics().cancelled == 0);
  }
}

TEST_CASE("what a running job throws when it is told to stop arrives as thrown [P12]") {
  std::latch running(1);
  Cancellable it;
  ComputePool pool{{.threads = 1}};
  pool.execute(
      [&](const std::stop_token& stop) -> int {
        running.count_down();
        wait_for_stop(stop);
        throw std::domain_error("stopped");
      },
      it.token());
  running.wait();
  it.signal.emit(cancellation_type::terminal);
  it.context.run();
  REQUIRE(it.outcome.calls == 1);
  CHECK_THROWS_AS(std::rethrow_exception(it.outcome.error), std::domain_error);
}

TEST_CASE("a running job without a stop token just ends [P12]") {
  for (const auto type : all_types) {
    std::latch running(1);
    std::latch may_end(1);
    Cancellable it;
    ComputePool pool{{.threads = 1}};
    pool.execute(
        [&] {
          running.count_down();
          may_end.wait();
          return 8;
        },
        it.token());
    running.wait();
    it.signal.emit(type);
    CHECK(it.context.poll() == 0);
    may_end.count_down();
    it.context.run();
    CHECK(it.outcome.calls == 1);
    CHECK_FALSE(it.outcome.error);
    CHECK(it.outcome.value == 8);
  }
}

TEST_CASE("total cancellation is ignored once the job runs [P14]") {
  std::latch running(1);
  std::latch emitted(1);
  std::latch looked(1);
  Cancellable it;
  ComputePool pool{{.threads = 1}};
  bool stopped_by_total = true;
  pool.execute(
      [&](const std::stop_token& stop) {
        running.count_down();
        emitted.wait();
        stopped_by_total = stop.stop_requested();
        looked.count_down();
        wait_for_stop(stop);
        return 9;
      },
      it.token());
  running.wait();
  it.signal.emit(cancellation_type::total);
  emitted.count_down();
  looked.wait();
  it.signal.emit(cancellation_type::terminal);  // and this one isn't
  it.context.run();
  CHECK_FALSE(stopped_by_total);
  CHECK(it.outcome.value == 9);
}

TEST_CASE("every operation's callables see the stop token [P12]") {
  std::vector<std::function<void(ComputePool<>&, Cancellable&, std::latch&)>> starts;
  const auto job = [](std::latch& running) {
    return [&](const std::stop_token& stop) {
      running.count_down();
      wait_for_stop(stop);
      return 1;
    };
  };
  starts.emplace_back([=](ComputePool<>& pool, Cancellable& it, std::latch& running) {
    pool.install(job(running), it.token());
  });
  starts.emplace_back([=](ComputePool<>& pool, Cancellable& it, std::latch& running) {
    pool.execute_scoped(
        [=, &running](millrace::Scope&, const std::stop_token& stop) { return job(running)(stop); },
        it.token());
  });
  starts.emplace_back([=](ComputePool<>& pool, Cancellable& it, std::latch& running) {
    pool.execute_scoped(
        [=, &running](millrace::Scope& scope) { return job(running)(scope.stop_token()); },
        it.token());
  });
  starts.emplace_back([=](ComputePool<>& pool, Cancellable& it, std::latch& running) {
    pool.execute_scoped_fifo(
        [=, &running](millrace::Scope& scope) {
          scope.spawn([=, &running](millrace::Scope& inner) {
            inner.spawn([=, &running, &inner] { job(running)(inner.stop_token()); });
          });
          scope.wait();
          return scope.stop_token().stop_requested() ? 1 : 0;
        },
        it.token());
  });
  for (const bool first_takes_it : {true, false}) {
    starts.emplace_back([=](ComputePool<>& pool, Cancellable& it, std::latch& running) {
      auto handler = it.bound([&](std::exception_ptr error, const std::tuple<int, int>& values) {
        it.outcome = {1, error, std::get<0>(values) * std::get<1>(values)};
      });
      if (first_takes_it) {
        pool.join(job(running), [] { return 1; }, std::move(handler));
      } else {
        pool.join([] { return 1; }, job(running), std::move(handler));
      }
    });
  }
  for (std::size_t i = 0; i < starts.size(); ++i) {
    for (const int workers : {1, 2}) {
      CAPTURE(i, workers);
      Cancellable it;
      std::latch running(1);
      ComputePool pool{{.threads = workers}};
      starts[i](pool, it, running);
      running.wait();
      it.signal.emit(cancellation_type::terminal);
      it.context.run();
      CHECK(it.outcome.calls == 1);
      CHECK_FALSE(it.outcome.error);
      CHECK(it.outcome.value == 1);
    }
  }
}

TEST_CASE("a callable that takes a stop token gets one even if nobody can cancel it [P12]") {
  ComputePool pool{{.threads = 1}};
  const auto asked = [](const std::stop_token& stop) { return stop.stop_requested(); };
  CHECK_FALSE(pool.execute(asked, asio::use_future).get());
  CHECK_FALSE(pool.install(asked, asio::use_future).get());
  CHECK_FALSE(pool.execute_sync(asked));
  CHECK(pool.join(asked, asked, asio::use_future).get() == std::tuple(false, false));
  CHECK_FALSE(
      pool.execute_scoped([](millrace::Scope& s) { return s.stop_token().stop_requested(); },
                          asio::use_future)
          .get());
}

TEST_CASE("install on a worker of the pool with a slot completes as if it hadn't any [P12]") {
  ComputePool pool{{.threads = 1}};
  asio::cancellation_signal signal;
  asio::io_context context;
  int value = 0;
  pool.execute_sync([&] {
    pool.install([] { return 5; },
                 asio::bind_cancellation_slot(
                     signal.slot(),
                     asio::bind_executor(context, [&](std::exception_ptr, int v) { value = v; })));
  });
  signal.emit(cancellation_type::terminal);
  context.run();
  CHECK(value == 5);
}

// --- At other times ---

TEST_CASE("cancelling after completion has no effect [P13]") {
  ComputePool pool{{.threads = 1}};
  Cancellable it;
  for (int i = 1; i <= 3; ++i) {
    pool.execute([i] { return i; }, it.token());
    it.context.restart();
    it.context.run();
    CHECK_FALSE(it.signal.slot().has_handler());
    it.signal.emit(cancellation_type::terminal);
    it.signal.emit(cancellation_type::all);
    CHECK(it.context.poll() == 0);
    CHECK(it.outcome.calls == i);
    CHECK(it.outcome.value == i);
  }
  CHECK(pool.metrics().completed == 3);
}

TEST_CASE("cancelling between the end of a job and its completion has no effect [P13]") {
  ComputePool pool{{.threads = 1}};
  Cancellable it;
  pool.execute([](const std::stop_token&) { return 4; }, it.token());
  pool.execute_sync([] {});  // behind it: it has ended, and its handler's loop hasn't run
  it.signal.emit(cancellation_type::terminal);
  it.context.run();
  CHECK(it.outcome.calls == 1);
  CHECK_FALSE(it.outcome.error);
  CHECK(it.outcome.value == 4);
}

TEST_CASE("cancelling after the pool has gone has no effect [P13]") {
  // Their handlers haven't run; only the sanitizers see a canceller that looks into the pool.
  Cancellable ran;
  Cancellable refused;
  {
    BusyPool busy;
    busy.pool.execute([] { return 1; }, refused.token());
    busy.pool.shutdown();
    ComputePool pool{{.threads = 1}};
    pool.execute([] { return 2; }, ran.token());
    pool.execute_sync([] {});
  }
  ran.signal.emit(cancellation_type::terminal);
  refused.signal.emit(cancellation_type::terminal);
  ran.context.run();
  refused.context.run();
  CHECK_FALSE(ran.outcome.error);
  CHECK(ran.outcome.value == 2);
  CHECK(refused.outcome.error);
  CHECK_FALSE(refused.outcome.aborted());
}

TEST_CASE("cancelling twice while queued completes once [P13]") {
  BusyPool busy;
  Cancellable it;
  busy.pool.execute([] { return 1; }, it.token());
  it.signal.emit(cancellation_type::total);
  it.signal.emit(cancellation_type::terminal);
  it.signal.emit(cancellation_type::all);
  it.context.run();
  CHECK(it.outcome.calls == 1);
  CHECK(it.outcome.aborted());
  CHECK(busy.pool.metrics().cancelled == 1);
}

TEST_CASE("cancelling twice while running completes once [P13]") {
  Stages stages;
  Cancellable it;
  ComputePool pool{{.threads = 1}};
  pool.execute([&](const std::stop_token& stop) { return stages.run(stop), 1; }, it.token());
  stages.running.wait();
  it.signal.emit(cancellation_type::terminal);
  it.signal.emit(cancellation_type::partial);
  stages.stopped.wait();
  it.signal.emit(cancellation_type::all);
  stages.may_end.count_down();
  it.context.run();
  CHECK(it.outcome.calls == 1);
  CHECK(it.outcome.value == 1);
}

TEST_CASE("cancelling before the operation is initiated has no effect [P13]") {
  ComputePool pool{{.threads = 1}};
  Cancellable it;
  auto operation = pool.execute(
      [](const std::stop_token& stop) { return stop.stop_requested() ? 0 : 3; }, test::deferred);
  it.signal.emit(cancellation_type::all);
  std::move(operation)(it.token());
  it.context.run();
  CHECK(it.outcome.calls == 1);
  CHECK_FALSE(it.outcome.error);
  CHECK(it.outcome.value == 3);
}

TEST_CASE("all memory of a cancelled operation is back before its handler [P7] [P11]") {
  test::AllocationCounts counts;
  int live_in_handler = -1;
  const auto start = [&](ComputePool<>& pool, Cancellable& it, auto job) {
    pool.execute(std::move(job), it.bound(asio::bind_allocator(
                                     test::CountingAllocator<void>(counts),
                                     [&](std::exception_ptr) { live_in_handler = counts.live; })));
  };
  SECTION("cancelled while queued") {
    BusyPool busy;
    Cancellable it;
    start(busy.pool, it, [] {});
    CHECK(counts.live == 1);
    it.signal.emit(cancellation_type::terminal);
    it.context.run();
  }
  SECTION("cancelled while running") {
    ComputePool pool{{.threads = 1}};
    Cancellable it;
    std::latch running(1);
    start(pool, it, [&](const std::stop_token& stop) {
      running.count_down();
      wait_for_stop(stop);
    });
    running.wait();
    it.signal.emit(cancellation_type::terminal);
    it.context.run();
  }
  CHECK(live_in_handler == 0);
  CHECK(counts.live == 0);
  CHECK(counts.made == 1);
}

// --- Combined ---

namespace {

using namespace asio::experimental::awaitable_operators;

// Waits for ever, but for its cancellation.
asio::awaitable<void> sleep_for_ever() {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::steady_clock::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

// A timer that expires when it is told to.
class Bell {
 public:
  explicit Bell(const asio::any_io_executor& executor)
      : timer_(executor, std::chrono::steady_clock::time_point::max()) {}

  asio::awaitable<void> wait() {
    if (!rung_) co_await timer_.async_wait(test::as_tuple(asio::use_awaitable));
  }
  // On the same executor.
  void ring() {
    rung_ = true;
    timer_.cancel();
  }

 private:
  asio::steady_timer timer_;
  bool rung_ = false;
};

// Rings on the executor as soon as the job runs; the job waits for its stop token.
asio::awaitable<void> execute_or_timer(ComputePool<>& pool) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Bell bell(executor);
  bool ended = false;
  const auto job = [&](const std::stop_token& stop) {
    asio::post(executor, [&] { bell.ring(); });
    wait_for_stop(stop);
    ended = true;
    return 1;
  };
  const auto first = co_await (pool.execute(job) || bell.wait());
  CHECK(first.index() == 1);
  CHECK(ended);  // and `job` may go
}

asio::awaitable<void> execute_before_timer(ComputePool<>& pool) {
  const auto job = [] { return 2; };
  const auto first = co_await (pool.execute(job) || sleep_for_ever());
  CHECK(first.index() == 0);
  if (first.index() == 0) CHECK(std::get<0>(first) == 2);
}

asio::awaitable<void> execute_or_execute(ComputePool<>& pool) {
  std::atomic<bool> told = false;
  std::latch running(1);
  const auto slow = [&](const std::stop_token& stop) {
    running.count_down();
    wait_for_stop(stop);
    told = true;
    return 1;
  };
  const auto fast = [&] {
    running.wait();
    return 2;
  };
  const auto first = co_await (pool.execute(slow) || pool.execute(fast));
  CHECK(first.index() == 1);
  CHECK(told);
}

asio::awaitable<void> execute_and_execute(ComputePool<>& pool) {
  const auto one = [] { return 1; };
  const auto two = [] { return 2; };
  const auto [a, b] = co_await (pool.execute(one) && pool.execute(two));
  CHECK(a == 1);
  CHECK(b == 2);
  // One fails: the other is told to stop.
  std::atomic<bool> told = false;
  std::latch running(1);
  const auto slow = [&](const std::stop_token& stop) {
    running.count_down();
    wait_for_stop(stop);
    told = true;
  };
  const auto failing = [&] {
    running.wait();
    throw std::domain_error("no");
  };
  bool failed = false;
  try {
    co_await (pool.execute(slow) && pool.execute(failing));
  } catch (const std::domain_error&) {
    failed = true;
  }
  CHECK(failed);
  CHECK(told);
}

asio::awaitable<void> all_combinations(ComputePool<>& pool) {
  co_await execute_or_timer(pool);
  co_await execute_before_timer(pool);
  co_await execute_or_execute(pool);
  co_await execute_and_execute(pool);
}

}  // namespace

TEST_CASE("awaitables with && and || cancel each other: io_context [P16]") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  test::run(context, all_combinations(pool));
}

TEST_CASE("awaitables with && and || cancel each other: strand on an io_context [P16]") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  auto done = asio::co_spawn(asio::make_strand(context), all_combinations(pool), asio::use_future);
  std::thread other([&] { context.run(); });
  context.run();
  other.join();
  done.get();
}

TEST_CASE("awaitables with && and || cancel each other: thread_pool [P16]") {
  ComputePool pool{{.threads = 2}};
  asio::thread_pool single(1);
  asio::co_spawn(single, all_combinations(pool), asio::use_future).get();
  asio::thread_pool many(2);
  asio::co_spawn(asio::make_strand(many), all_combinations(pool), asio::use_future).get();
}

TEST_CASE("awaitables with && and || cancel each other: any_io_executor [P16]") {
  ComputePool pool{{.threads = 2}};
  asio::thread_pool many(2);
  const asio::any_io_executor strand = asio::make_strand(many.get_executor());
  asio::co_spawn(strand, all_combinations(pool), asio::use_future).get();
  const asio::any_io_executor on_the_pool = asio::make_strand(pool.get_executor());
  ComputePool other{{.threads = 2}};
  asio::co_spawn(on_the_pool, all_combinations(other), asio::use_future).get();
}

TEST_CASE("execute || timer gives up a job that is still queued [P16]") {
  std::atomic<bool> ran = false;
  BusyPool busy;
  test::run([](ComputePool<>& pool, std::atomic<bool>& r) -> asio::awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::steady_clock::now());
    const auto first =
        co_await (pool.execute([&r] { r = true; }) || timer.async_wait(asio::use_awaitable));
    CHECK(first.index() == 1);
  }(busy.pool, ran));
  busy.free_workers();
  busy.pool.execute_sync([] {});
  CHECK_FALSE(ran);
  CHECK(busy.pool.metrics().cancelled == 1);
}

namespace {

// Starts `group_of(strand)`, whose operations complete on the strand, and waits for its handler.
template <class Launch>
void on_strand(asio::thread_pool& threads, Launch launch) {
  const auto strand = asio::make_strand(threads.get_executor());
  std::promise<void> done;
  asio::dispatch(strand, [&] { launch(strand, done); });
  done.get_future().get();
}

}  // namespace

TEST_CASE("a parallel group on a strand keeps the first and stops the other [P16]") {
  asio::thread_pool threads(2);
  ComputePool pool{{.threads = 2}};
  for (int round = 0; round < 200; ++round) {
    std::latch running(1);
    const auto slow = [&](const std::stop_token& stop) {
      running.count_down();
      wait_for_stop(stop);
      return 1;
    };
    const auto fast = [&] {
      running.wait();
      return 2;
    };
    std::array<std::size_t, 2> order{};
    int a = 0;
    int b = 0;
    on_strand(threads, [&](const auto& strand, std::promise<void>& done) {
      auto token = asio::bind_executor(strand, test::deferred);
      asio::experimental::make_parallel_group(pool.execute(slow, token), pool.execute(fast, token))
          .async_wait(asio::experimental::wait_for_one(),
                      asio::bind_executor(
                          strand, [&](std::array<std::size_t, 2> completed, std::exception_ptr,
                                      int first, std::exception_ptr, int second) {
                            order = completed;
                            a = first;
                            b = second;
                            done.set_value();
                          }));
    });
    REQUIRE(order == std::array<std::size_t, 2>{1, 0});
    REQUIRE(a == 1);
    REQUIRE(b == 2);
  }
}

TEST_CASE("a parallel group on a strand cancels what is queued [P16]") {
  asio::thread_pool threads(2);
  std::atomic<bool> ran = false;
  Outcome queued;
  BusyPool busy;
  ComputePool other{{.threads = 1}};
  on_strand(threads, [&](const auto& strand, std::promise<void>& done) {
    auto token = asio::bind_executor(strand, test::deferred);
    asio::experimental::make_parallel_group(busy.pool.execute([&] { return ran = true, 1; }, token),
                                            other.execute([] { return 2; }, token))
        .async_wait(
            asio::experimental::wait_for_one(),
            asio::bind_executor(strand, [&](std::array<std::size_t, 2>, std::exception_ptr error,
                                            int value, std::exception_ptr, int) {
              queued = {1, error, value};
              done.set_value();
            }));
  });
  CHECK(queued.aborted());
  busy.free_workers();
  busy.pool.execute_sync([] {});
  CHECK_FALSE(ran);
}

TEST_CASE("a parallel group hands its own slot's signal on to its operations [P16]") {
  asio::io_context context;
  asio::cancellation_signal signal;
  Outcome first;
  Outcome second;
  BusyPool busy;
  auto token = asio::bind_executor(context, test::deferred);
  asio::experimental::make_parallel_group(busy.pool.execute([] { return 1; }, token),
                                          busy.pool.execute([] { return 2; }, token))
      .async_wait(asio::experimental::wait_for_all(),
                  asio::bind_cancellation_slot(
                      signal.slot(),
                      asio::bind_executor(
                          context, [&](std::array<std::size_t, 2>, std::exception_ptr error_a,
                                       int value_a, std::exception_ptr error_b, int value_b) {
                            first = {1, error_a, value_a};
                            second = {1, error_b, value_b};
                          })));
  signal.emit(cancellation_type::total);
  context.run();
  CHECK(first.aborted());
  CHECK(second.aborted());
}

namespace {

enum class Filter { by_default, total };

// A coroutine that awaits one job of `pool`, and then goes on.
template <class Job>
asio::awaitable<void> await_one(ComputePool<>& pool, Job job, Filter filter, bool& went_on) {
  if (filter == Filter::total) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  }
  co_await pool.execute(std::move(job));
  went_on = true;
}

}  // namespace

TEST_CASE("cancelling a whole coroutine cancels the queued job that it awaits [P16]") {
  for (const Filter filter : {Filter::by_default, Filter::total}) {
    Cancellable it;
    bool went_on = false;
    std::atomic<bool> ran = false;
    const auto job = [&] { ran = true; };
    BusyPool busy;
    asio::co_spawn(it.context, await_one(busy.pool, job, filter, went_on),
                   it.bound([&](std::exception_ptr error) { it.outcome = {1, error}; }));
    it.context.poll();
    REQUIRE(busy.pool.metrics().pending == 1);
    // co_spawn's own filter, and a coroutine's to begin with, let nothing but terminal through.
    it.signal.emit(cancellation_type::total);
    it.signal.emit(cancellation_type::partial);
    it.context.poll();
    CHECK(it.outcome.calls == (filter == Filter::total ? 1 : 0));
    it.signal.emit(cancellation_type::terminal);
    it.context.run();
    CHECK(it.outcome.aborted());
    CHECK_FALSE(went_on);
    busy.free_workers();
    busy.pool.execute_sync([] {});
    CHECK_FALSE(ran);
  }
}

TEST_CASE("cancelling a whole coroutine stops the running job that it awaits [P16]") {
  Stages stages;
  Cancellable it;
  bool went_on = false;
  const auto job = [&](const std::stop_token& stop) { stages.run(stop); };
  ComputePool pool{{.threads = 1}};
  asio::co_spawn(it.context, await_one(pool, job, Filter::by_default, went_on),
                 it.bound([&](std::exception_ptr error) { it.outcome = {1, error}; }));
  it.context.poll();
  stages.running.wait();
  it.signal.emit(cancellation_type::partial);
  it.context.poll();
  it.signal.emit(cancellation_type::terminal);
  it.context.poll();
  stages.stopped.wait();
  CHECK(it.outcome.calls == 0);
  stages.may_end.count_down();
  it.context.run();
  CHECK(it.outcome.calls == 1);
  CHECK_FALSE(it.outcome.error);  // the value wins
  CHECK(went_on);
}

#if ASIO_VERSION >= 103200
TEST_CASE("cancel_after gives up a queued job and stops a running one [P16]") {
  std::atomic<bool> ran = false;
  BusyPool busy;
  test::run([](ComputePool<>& full, std::atomic<bool>& r) -> asio::awaitable<void> {
    const auto [error] = co_await full.execute(
        [&r] { r = true; },
        asio::cancel_after(std::chrono::milliseconds(1), asio::as_tuple(asio::use_awaitable)));
    const bool aborted = test::aborted(error);
    CHECK(aborted);
    ComputePool idle{{.threads = 1}};
    const int value = co_await idle.execute(
        [](const std::stop_token& stop) { return wait_for_stop(stop), 5; },
        asio::cancel_after(std::chrono::milliseconds(1), asio::use_awaitable));
    CHECK(value == 5);
  }(busy.pool, ran));
  busy.free_workers();
  busy.pool.execute_sync([] {});
  CHECK_FALSE(ran);
}
#endif
