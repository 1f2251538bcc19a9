#include <algorithm>
#include <array>
#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/busy_pool.hpp"
#include "support/catch.hpp"
#include "support/counting_allocator.hpp"
#include "support/job_types.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"
#include "support/stop.hpp"

using millrace::ComputePool;
using millrace::errc;
using millrace::JobOptions;
using millrace::Scope;
using test::BusyPool;
using test::code_of;
using test::wait_for_stop;

namespace {

using clock_type = std::chrono::steady_clock;

JobOptions in(clock_type::duration time) {
  return {.deadline = clock_type::now() + time};
}
JobOptions soon() {
  return in(std::chrono::milliseconds(2));
}
JobOptions far_away() {
  return in(std::chrono::hours(24));
}
JobOptions past() {
  return in(-std::chrono::seconds(1));
}

// Calls `submit` with a deadline that passes while the job runs; where everything is so slow that
// it passes before, once more with a later one.
template <class Submit>
void start_before_deadline(ComputePool<>& pool, Submit submit) {
  for (auto time = std::chrono::milliseconds(20);; time *= 2) {
    const auto before = pool.metrics();
    submit(in(time));
    for (;;) {
      const auto now = pool.metrics();
      if (now.started > before.started) return;
      if (now.expired > before.expired) break;
      std::this_thread::yield();
    }
  }
}

// Each operation, by name, with a job that is told to stop by `body(stop_token)`, or never runs.
// Returns what it completed with.
struct Operation {
  std::string name;
  std::function<std::error_code(ComputePool<>&, JobOptions, std::function<void(std::stop_token)>)>
      run;
};

template <class Token>
std::error_code awaited(asio::io_context& context, Token&& start) {
  std::error_code result = std::make_error_code(std::errc::interrupted);
  start(asio::bind_executor(context,
                            [&](std::exception_ptr error, auto&&...) { result = code_of(error); }));
  context.run();
  return result;
}

std::vector<Operation> all_operations() {
  const auto on_loop = [](auto start) {
    return [start](ComputePool<>& pool, JobOptions options,
                   std::function<void(std::stop_token)> body) {
      asio::io_context context;
      return awaited(context, [&](auto token) { start(pool, options, body, std::move(token)); });
    };
  };
  return {
      {"execute", on_loop([](auto& pool, auto options, auto body, auto token) {
         pool.execute(options, body, std::move(token));
       })},
      {"install", on_loop([](auto& pool, auto options, auto body, auto token) {
         pool.install(options, body, std::move(token));
       })},
      {"join", on_loop([](auto& pool, auto options, auto body, auto token) {
         pool.join(options, [] {}, body, std::move(token));
       })},
      {"execute_scoped", on_loop([](auto& pool, auto options, auto body, auto token) {
         pool.execute_scoped(
             options, [body](Scope&, std::stop_token stop) { body(stop); }, std::move(token));
       })},
      {"a child of a scope", on_loop([](auto& pool, auto options, auto body, auto token) {
         pool.execute_scoped_fifo(
             options,
             [body](Scope& scope) {
               scope.spawn([body](Scope& inner) { body(inner.stop_token()); });
             },
             std::move(token));
       })},
      {"execute_sync",
       [](ComputePool<>& pool, JobOptions options, std::function<void(std::stop_token)> body) {
         return code_of([&] { pool.execute_sync(options, body); });
       }},
  };
}

}  // namespace

// --- In the queue ---

TEST_CASE("a deadline that passes in the queue: never runs, completes at once [P17]") {
  for (const int workers : {1, 2}) {
    for (const Operation& each : all_operations()) {
      CAPTURE(each.name, workers);
      std::atomic<bool> ran = false;
      BusyPool busy(workers);
      // For ever, if it had to wait for a worker.
      const std::error_code code =
          each.run(busy.pool, soon(), [&](std::stop_token) { ran = true; });
      CHECK(code == errc::deadline_exceeded);
      CHECK(busy.pool.metrics().expired == 1);
      CHECK(busy.pool.metrics().pending == 0);
      busy.free_workers();
      busy.pool.async_drain(asio::use_future).get();
      CHECK_FALSE(ran);
    }
  }
}

TEST_CASE("a deadline that has passed at the submission: never runs, workers busy or idle [P17]") {
  for (const bool is_busy : {true, false}) {
    for (const Operation& each : all_operations()) {
      CAPTURE(each.name, is_busy);
      std::atomic<bool> ran = false;
      const auto body = [&](std::stop_token) { ran = true; };
      BusyPool busy;
      if (!is_busy) {
        busy.free_workers();
        busy.pool.async_drain(asio::use_future).get();
      }
      CHECK(each.run(busy.pool, past(), body) == errc::deadline_exceeded);
      CHECK(each.run(busy.pool, {.deadline = clock_type::time_point::min()}, body) ==
            errc::deadline_exceeded);
      CHECK(each.run(busy.pool, in({}), body) == errc::deadline_exceeded);
      CHECK(busy.pool.metrics().expired == 3);
      busy.free_workers();
      busy.pool.async_drain(asio::use_future).get();
      CHECK_FALSE(ran);
    }
  }
}

TEST_CASE("a deadline that passes just during the submission is not missed [P17]") {
  BusyPool busy;
  asio::io_context context;
  int expired = 0;
  for (int i = 0; i < 3000; ++i) {
    busy.pool.execute(
        in(std::chrono::nanoseconds(i * 37 % 5000)), [](std::stop_token) {},
        asio::bind_executor(context, [&](std::exception_ptr error) {
          if (code_of(error) == errc::deadline_exceeded) ++expired;
        }));
    context.run();  // for ever, where it is: the worker is busy
    context.restart();
  }
  CHECK(expired == 3000);
  CHECK(busy.pool.metrics().expired == 3000);
}

TEST_CASE("a deadline passes on time at each priority [P17]") {
  BusyPool busy;
  asio::io_context context;
  int expired = 0;
  for (const auto priority :
       {millrace::Priority::low, millrace::Priority::normal, millrace::Priority::high}) {
    JobOptions options = soon();
    options.priority = priority;
    busy.pool.execute({.priority = priority}, [] {}, asio::detached);
    busy.pool.execute(
        options, [] {}, asio::bind_executor(context, [&](std::exception_ptr error) {
          if (code_of(error) == errc::deadline_exceeded) ++expired;
        }));
    busy.pool.execute({.priority = priority}, [] {}, asio::detached);
  }
  context.run();
  CHECK(expired == 3);
  busy.free_workers();
  busy.pool.async_drain(asio::use_future).get();
  CHECK(busy.pool.metrics().completed >= 7);  // completions of detached ones are jobs, too
}

TEST_CASE("captures end before the deadline's completion [P8] [P17]") {
  BusyPool busy;
  asio::io_context context;
  std::atomic<bool> destroyed = false;
  bool destroyed_in_handler = false;
  busy.pool.execute(
      soon(), [capture = test::AtEnd([&] { destroyed = true; })] {},
      asio::bind_executor(context, [&](std::exception_ptr) { destroyed_in_handler = destroyed; }));
  context.run();
  CHECK(destroyed_in_handler);
}

TEST_CASE("a coroutine gets deadline_exceeded thrown, and goes on on its own thread [P17]") {
  BusyPool busy;
  test::run([](ComputePool<>& pool) -> asio::awaitable<void> {
    const auto here = std::this_thread::get_id();
    std::error_code code;
    try {
      co_await pool.execute(soon(), [] {});
    } catch (const std::system_error& e) {
      code = e.code();
    }
    CHECK(code == errc::deadline_exceeded);
    CHECK(std::this_thread::get_id() == here);
  }(busy.pool));
}

// --- On a worker of the pool ---

TEST_CASE("inside the pool a deadline that has passed refuses what would run inline [P17]") {
  ComputePool pool{{.threads = 1}};
  bool ran = false;
  std::error_code sync;
  std::error_code installed;
  asio::io_context context;
  pool.execute_sync([&] {
    sync = code_of([&] { pool.execute_sync(past(), [&] { ran = true; }); });
    pool.install(
        past(), [&] { ran = true; },
        asio::bind_executor(context, [&](std::exception_ptr e) { installed = code_of(e); }));
  });
  context.run();
  CHECK_FALSE(ran);
  CHECK(sync == errc::deadline_exceeded);
  CHECK(installed == errc::deadline_exceeded);
  CHECK(pool.metrics().expired == 2);
  CHECK(pool.metrics().pending == 0);
}

TEST_CASE("inside the pool a deadline stops what runs inline [P17]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  int value = 0;
  int sync = 0;
  pool.execute_sync([&] {
    start_before_deadline(pool, [&](JobOptions options) {
      pool.install(
          options, [](const std::stop_token& stop) { return wait_for_stop(stop), 2; },
          asio::bind_executor(context, [&](std::exception_ptr, int v) { value = v; }));
    });
    start_before_deadline(pool, [&](JobOptions options) {
      static_cast<void>(code_of([&] {
        sync = pool.execute_sync(
            options, [](const std::stop_token& stop) { return wait_for_stop(stop), 3; });
      }));
    });
  });
  context.run();
  CHECK(value == 2);
  CHECK(sync == 3);
  CHECK(pool.metrics().completed == 3);
}

TEST_CASE("a worker doesn't begin what is too late, even if the timer is behind [P17]") {
  std::latch timer_is_busy(1);
  std::latch timer_may_go_on(1);
  ComputePool pool{{.threads = 2}};
  start_before_deadline(pool, [&](JobOptions options) {
    pool.execute(
        options,
        [&](const std::stop_token& stop) {
          const std::stop_callback on_the_timers_thread(stop, [&] {
            timer_is_busy.count_down();
            timer_may_go_on.wait();
          });
          timer_is_busy.wait();
        },
        asio::detached);
  });
  timer_is_busy.wait();
  std::atomic<bool> ran = false;
  for (const Operation& each : all_operations()) {
    CAPTURE(each.name);
    CHECK(each.run(pool, past(), [&](std::stop_token) { ran = true; }) == errc::deadline_exceeded);
  }
  CHECK_FALSE(ran);
  timer_may_go_on.count_down();
}

// --- While running ---

TEST_CASE("a deadline that passes while the job runs requests its stop token [P17]") {
  for (const Operation& each : all_operations()) {
    CAPTURE(each.name);
    std::atomic<bool> told = false;
    ComputePool pool{{.threads = 1}};
    // Long enough to begin within it as a rule; where it doesn't there is another try.
    std::error_code code = errc::deadline_exceeded;
    for (int i = 0; code == errc::deadline_exceeded && i < 10; ++i) {
      code = each.run(pool, in(std::chrono::milliseconds(20 << i)), [&](const std::stop_token& s) {
        wait_for_stop(s);
        told = true;
      });
    }
    CHECK_FALSE(code);  // what it returns wins
    CHECK(told);
    CHECK(pool.metrics().completed == 1);
  }
}

TEST_CASE("a job whose deadline passes completes when it ends, with its value or error [P17]") {
  for (const bool throws : {false, true}) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    std::latch told(1);
    std::latch may_end(1);
    int value = 0;
    std::exception_ptr error;
    bool called = false;
    start_before_deadline(pool, [&](JobOptions options) {
      pool.execute(
          options,
          [&](const std::stop_token& stop) {
            wait_for_stop(stop);
            told.count_down();
            may_end.wait();
            if (throws) throw std::domain_error("late");
            return 4;
          },
          asio::bind_executor(context, [&](std::exception_ptr e, int v) {
            called = code_of(e) != errc::deadline_exceeded;
            error = e;
            value = v;
          }));
    });
    told.wait();
    context.poll();
    CHECK_FALSE(called);
    may_end.count_down();
    context.run();
    CHECK(called);
    if (throws) {
      CHECK_THROWS_AS(std::rethrow_exception(error), std::domain_error);
    } else {
      CHECK_FALSE(error);
      CHECK(value == 4);
    }
  }
}

TEST_CASE("a job that takes no stop token ends as ever after its deadline [P17]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  int value = 0;
  start_before_deadline(pool, [&](JobOptions options) {
    pool.execute(
        options,
        [end = options.deadline] {
          while (clock_type::now() <= end) std::this_thread::yield();
          return 6;
        },
        asio::bind_executor(context, [&](std::exception_ptr, int v) { value = v; }));
  });
  context.run();
  CHECK(value == 6);
  CHECK(pool.metrics().completed == 1);
}

// --- That don't pass ---

TEST_CASE("a deadline far away is no obstacle, nor does the pool's end wait for it [P17]") {
  constexpr auto last = clock_type::time_point::max();
  for (const JobOptions& options :
       {far_away(), JobOptions{.deadline = last - clock_type::duration(1)}, JobOptions{},
        JobOptions{.deadline = JobOptions::never}}) {
    for (const Operation& each : all_operations()) {
      CAPTURE(each.name);
      std::atomic<bool> told = true;
      ComputePool pool{{.threads = 1}};
      CHECK_FALSE(each.run(pool, options,
                           [&](const std::stop_token& stop) { told = stop.stop_requested(); }));
      CHECK_FALSE(told);
      CHECK(pool.metrics().expired == 0);
    }
  }
}

TEST_CASE("a deadline far away doesn't hide a near one, whichever came first [P17]") {
  BusyPool busy;
  asio::io_context context;
  std::vector<int> order;
  const auto note = [&](int number) {
    return asio::bind_executor(context, [&order, number](std::exception_ptr error) {
      order.push_back(code_of(error) == errc::deadline_exceeded ? number : -number);
    });
  };
  busy.pool.execute(far_away(), [] {}, note(1));
  busy.pool.execute(soon(), [] {}, note(2));
  busy.pool.execute(far_away(), [] {}, note(3));
  context.run_one();
  while (order.empty()) context.run_one();
  busy.free_workers();
  context.run();
  CHECK(order == std::vector{2, -1, -3});
}

TEST_CASE("the pool shut down with deadlines far away: the jobs are refused [P17]") {
  BusyPool busy;
  asio::io_context context;
  int refused = 0;
  for (int i = 0; i < 10; ++i) {
    busy.pool.execute(
        far_away(), [] {}, asio::bind_executor(context, [&](std::exception_ptr e) {
          if (code_of(e) == errc::pool_shut_down) ++refused;
        }));
  }
  busy.pool.shutdown();
  context.run();
  CHECK(refused == 10);
}

TEST_CASE("a context destroyed with deadlines far away drops its jobs [P17]") {
  BusyPool busy;
  int dropped = 0;
  std::atomic<bool> ran = false;
  {
    asio::io_context context;
    for (int i = 0; i < 10; ++i) {
      busy.pool.execute(
          far_away(), [&] { ran = true; },
          asio::bind_executor(context, [&, handler = test::AtEnd([&] { ++dropped; })](
                                           std::exception_ptr) { dropped += 100; }));
    }
  }
  CHECK(dropped == 10);
  busy.free_workers();
  busy.pool.async_drain(asio::use_future).get();
  CHECK_FALSE(ran);
}

// --- Many ---

TEST_CASE("many deadlines in random order: each job has the outcome that it should [P17]") {
  constexpr int count = 600;
  std::mt19937 random(17);
  std::vector<int> kinds(count);
  for (int i = 0; i < count; ++i) kinds[std::size_t(i)] = i % 3;  // expires, far away, none
  std::shuffle(kinds.begin(), kinds.end(), random);
  std::uniform_int_distribution<int> microseconds(-500, 5000);
  std::uniform_int_distribution<int> hours(1, 100'000);

  std::vector<int> completed(count);
  std::vector<std::error_code> codes(count);
  std::atomic<int> ran = 0;
  asio::io_context context;
  BusyPool busy;
  for (int i = 0; i < count; ++i) {
    JobOptions options;
    if (kinds[std::size_t(i)] == 0) options = in(std::chrono::microseconds(microseconds(random)));
    if (kinds[std::size_t(i)] == 1) options = in(std::chrono::hours(hours(random)));
    options.priority = static_cast<millrace::Priority>(i % 3);
    busy.pool.execute(
        options, [&] { ++ran; }, asio::bind_executor(context, [&, i](std::exception_ptr error) {
          ++completed[std::size_t(i)];
          codes[std::size_t(i)] = code_of(error);
        }));
  }
  const auto ended = [&] { return std::count(completed.begin(), completed.end(), 1); };
  while (ended() < count / 3) context.run_one();
  CHECK(ran == 0);
  busy.free_workers();
  context.run();
  CHECK(ended() == count);
  CHECK(ran == count / 3 * 2);
  for (int i = 0; i < count; ++i) {
    const std::error_code expected =
        kinds[std::size_t(i)] == 0 ? make_error_code(errc::deadline_exceeded) : std::error_code();
    REQUIRE(codes[std::size_t(i)] == expected);
  }
  CHECK(busy.pool.metrics().expired == count / 3);
}

TEST_CASE("deadlines that pass while workers take the jobs: each ran or expired, once [P17]") {
  constexpr int rounds = 5000;
  std::atomic<int> ran = 0;
  int completed = 0;
  int expired = 0;
  int other = 0;
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  for (int i = 0; i < rounds; ++i) {
    pool.execute(
        in(std::chrono::nanoseconds(i % 100 * 1000)), [&](std::stop_token) { ++ran; },
        asio::bind_executor(context, [&](std::exception_ptr error) {
          const std::error_code code = code_of(error);
          ++(!code ? completed : code == errc::deadline_exceeded ? expired : other);
        }));
    if (i % 16 == 0) context.poll();
  }
  context.restart();
  context.run();
  CHECK(completed + expired == rounds);
  CHECK(other == 0);
  CHECK(ran == completed);
  CHECK(pool.metrics().expired == static_cast<std::uint64_t>(expired));
  CHECK(pool.metrics().pending == 0);
}

// --- With a cancellation slot ---

TEST_CASE("a job with deadline and slot is cancelled while queued: operation_aborted [P11] [P17]") {
  BusyPool busy;
  asio::io_context context;
  asio::cancellation_signal signal;
  std::error_code code;
  busy.pool.execute(
      far_away(), [] {},
      asio::bind_cancellation_slot(
          signal.slot(),
          asio::bind_executor(context, [&](std::exception_ptr e) { code = code_of(e); })));
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK(code == asio::error::operation_aborted);
  CHECK(busy.pool.metrics().cancelled == 1);
  CHECK(busy.pool.metrics().expired == 0);
}

TEST_CASE("cancelling after the deadline has passed in the queue has no effect [P13] [P17]") {
  BusyPool busy;
  asio::io_context context;
  asio::cancellation_signal signal;
  std::error_code code;
  int calls = 0;
  bool slot_used_in_handler = true;
  busy.pool.execute(
      soon(), [] {},
      asio::bind_cancellation_slot(signal.slot(),
                                   asio::bind_executor(context, [&](std::exception_ptr e) {
                                     ++calls;
                                     code = code_of(e);
                                     slot_used_in_handler = signal.slot().has_handler();
                                   })));
  while (busy.pool.metrics().expired == 0) std::this_thread::yield();
  signal.emit(asio::cancellation_type::terminal);  // expired, but its handler's loop hasn't run
  context.run();
  signal.emit(asio::cancellation_type::terminal);
  CHECK(calls == 1);
  CHECK(code == errc::deadline_exceeded);
  CHECK_FALSE(slot_used_in_handler);
  CHECK(busy.pool.metrics().cancelled == 0);
}

TEST_CASE("a running job with deadline and slot is told to stop by whichever comes [P12] [P17]") {
  for (const bool by_slot : {true, false}) {
    asio::io_context context;
    asio::cancellation_signal signal;
    int value = 0;
    ComputePool pool{{.threads = 1}};
    start_before_deadline(pool, [&](JobOptions options) {
      pool.execute(
          by_slot ? far_away() : options,
          [&](const std::stop_token& stop) {
            wait_for_stop(stop);
            return 5;
          },
          asio::bind_cancellation_slot(
              signal.slot(),
              asio::bind_executor(context, [&](std::exception_ptr, int v) { value = v; })));
    });
    if (by_slot) signal.emit(asio::cancellation_type::partial);
    context.run();
    CHECK(value == 5);
  }
}

TEST_CASE("deadline racing cancellation: one of the two, once [P13] [P17]") {
  constexpr int rounds = 2000;
  int aborted = 0;
  int expired = 0;
  int calls = 0;
  std::atomic<bool> ran = false;
  BusyPool busy;
  asio::io_context context;
  for (int i = 0; i < rounds; ++i) {
    asio::cancellation_signal signal;
    const auto deadline = clock_type::now() + std::chrono::microseconds(80);
    busy.pool.execute(
        {.deadline = deadline}, [&](std::stop_token) { ran = true; },
        asio::bind_cancellation_slot(signal.slot(),
                                     asio::bind_executor(context, [&](std::exception_ptr e) {
                                       ++calls;
                                       if (code_of(e) == asio::error::operation_aborted) ++aborted;
                                       if (code_of(e) == errc::deadline_exceeded) ++expired;
                                     })));
    const auto emit_at = deadline + std::chrono::microseconds(i % 100 - 20);
    while (clock_type::now() < emit_at) {
    }
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    context.restart();
  }
  CHECK(calls == rounds);
  CHECK(aborted + expired == rounds);
  CHECK_FALSE(ran);
  CHECK(busy.pool.metrics().cancelled == static_cast<std::uint64_t>(aborted));
  CHECK(busy.pool.metrics().expired == static_cast<std::uint64_t>(expired));
}

// --- Memory and labels ---

TEST_CASE("an operation with options takes its memory from the handler's allocator [P7] [P17]") {
  test::AllocationCounts counts;
  int live_in_handler = -1;
  std::error_code code;
  asio::io_context context;
  const auto start = [&](ComputePool<>& pool, const JobOptions& options) {
    pool.execute(
        options, [] {},
        asio::bind_executor(
            context.get_executor(),
            asio::bind_allocator(test::CountingAllocator<void>(counts), [&](std::exception_ptr e) {
              live_in_handler = counts.live;
              code = code_of(e);
            })));
    CHECK(counts.made == 1);
    context.run();
  };
  SECTION("that runs") {
    ComputePool pool{{.threads = 1}};
    JobOptions options = far_away();
    options.label = "kind";
    start(pool, options);
    CHECK_FALSE(code);
  }
  SECTION("that expires") {
    BusyPool busy;
    start(busy.pool, soon());
    CHECK(code == errc::deadline_exceeded);
  }
  CHECK(live_in_handler == 0);
  CHECK(counts.live == 0);
}

namespace {

// Notes the labels, and what became of the jobs.
class Labels {
 public:
  struct record {
    std::string_view label = {};
    int step = 0;
  };

  explicit Labels(const millrace::ComputeConfig&) {}

  void labelled(record& job, std::string_view label) noexcept {
    check(job.step++ == 0);
    job.label = label;
  }
  void submitted(record& job) noexcept { check(job.step++ == (job.label.empty() ? 0 : 1)); }
  void started(record&) noexcept {}
  void finished(record& job, bool) noexcept { note(job, "ran"); }
  void unstarted(record& job, millrace::Unstarted why) noexcept {
    note(job, why == millrace::Unstarted::expired ? "expired" : "other");
  }

  [[nodiscard]] std::vector<std::string> notes() const {
    const std::lock_guard lock(state_->mutex);
    return state_->notes;
  }
  [[nodiscard]] int errors() const { return state_->errors; }

 private:
  void check(bool holds) noexcept {
    if (!holds) ++state_->errors;
  }
  void note(const record& job, std::string_view what) noexcept {
    const std::lock_guard lock(state_->mutex);
    state_->notes.push_back(std::string(job.label) + " " + std::string(what));
  }

  struct State {
    std::mutex mutex;
    std::vector<std::string> notes;
    std::atomic<int> errors = 0;
  };
  std::unique_ptr<State> state_ = std::make_unique<State>();
};

}  // namespace

TEST_CASE("the policy is told a job's label before all else [P17] [P44]") {
  ComputePool<Labels> pool{{.threads = 1}};
  asio::io_context context;
  const auto token = [&] {
    return asio::bind_executor(context, [](std::exception_ptr, auto&&...) {});
  };
  const auto in_turn = [&] {
    context.run();
    context.restart();
  };
  pool.execute({.label = "a"}, [] {}, token());
  in_turn();
  pool.install({.label = "b"}, [] {}, token());
  in_turn();
  pool.join({.label = "c"}, [] {}, [] {}, token());
  in_turn();
  pool.execute_scoped({.label = "d"}, [](Scope&) {}, token());
  in_turn();
  pool.execute_sync({.label = "e"}, [] {});
  pool.execute({}, [] {}, token());
  in_turn();
  JobOptions late = past();
  late.label = "f";
  pool.execute(late, [] {}, token());
  in_turn();
  CHECK(pool.instrumentation().notes() ==
        std::vector<std::string>{"a ran", "b ran", "c ran", "d ran", "e ran", " ran", "f expired"});
  CHECK(pool.instrumentation().errors() == 0);
}
