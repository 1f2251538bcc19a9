#include <algorithm>
#include <array>
#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/counting_allocator.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"

using millrace::ComputePool;
using millrace::errc;
using millrace::Overflow;
using millrace::Priority;
using test::code_of;
using test::comes_true;

namespace {

// Workers that are busy, all at once, until release().
class BusyWorkers {
 public:
  explicit BusyWorkers(ComputePool<>& pool) : state_(std::make_shared<State>(pool.num_threads())) {
    for (int i = 0; i < pool.num_threads(); ++i) {
      pool.execute(
          [state = state_] {
            state->running.count_down();
            state->release.wait(false);
          },
          asio::detached);
      while (pool.metrics().active != static_cast<std::uint64_t>(i + 1)) std::this_thread::yield();
    }
    state_->running.wait();
  }
  ~BusyWorkers() { release(); }
  BusyWorkers(const BusyWorkers&) = delete;
  BusyWorkers& operator=(const BusyWorkers&) = delete;

  void release() {
    state_->release = true;
    state_->release.notify_all();
  }

 private:
  struct State {
    explicit State(int workers) : running(workers) {}
    std::latch running;
    std::atomic<bool> release = false;
  };
  std::shared_ptr<State> state_;
};

// Jobs that note which of them ran, and what their operations completed with.
struct Log {
  asio::io_context context;
  std::mutex mutex;
  std::vector<int> ran;
  std::vector<std::pair<int, std::error_code>> ended;

  [[nodiscard]] auto job(int number) {
    return [this, number] {
      const std::lock_guard lock(mutex);
      ran.push_back(number);
    };
  }
  [[nodiscard]] auto handler(int number) {
    return asio::bind_executor(context, [this, number](const std::exception_ptr& error) {
      ended.emplace_back(number, code_of(error));
    });
  }
  void submit(ComputePool<>& pool, int number) { pool.execute(job(number), handler(number)); }
  void submit(ComputePool<>& pool, int number, const millrace::JobOptions& options) {
    pool.execute(options, job(number), handler(number));
  }
  // Runs handlers until so many have been called.
  void until_ended(std::size_t many) {
    while (ended.size() < many) context.run_one();
  }
  [[nodiscard]] std::ptrdiff_t count(std::error_code code) const {
    return std::count_if(ended.begin(), ended.end(),
                         [&](const auto& each) { return each.second == code; });
  }
  [[nodiscard]] std::ptrdiff_t place(int number) const {
    return std::find(ran.begin(), ran.end(), number) - ran.begin();
  }
};

std::vector<int> numbers(int from, int to) {
  std::vector<int> all(static_cast<std::size_t>(to - from));
  std::iota(all.begin(), all.end(), from);
  return all;
}

// Cancelled, rejected and expired jobs must leave a pool that works, with all of its places free.
void check_it_still_works(ComputePool<>& pool) {
  pool.async_drain(asio::use_future).get();
  const auto threads = static_cast<std::ptrdiff_t>(pool.num_threads());
  for (int round = 0; round < 3; ++round) {
    std::barrier meet(threads);  // all workers at once
    std::vector<std::future<void>> together;
    for (std::ptrdiff_t i = 0; i < threads; ++i) {
      together.push_back(pool.execute([&] { meet.arrive_and_wait(); }, asio::use_future));
      // Its place must be free before the next one asks for it.
      while (pool.metrics().pending != 0) std::this_thread::yield();
    }
    for (auto& each : together) each.get();
  }
  pool.async_drain(asio::use_future).get();
  BusyWorkers busy(pool);
  Log log;
  const auto most = static_cast<int>(pool.config().max_pending);
  for (int i = 0; i < most; ++i) log.submit(pool, i);
  CHECK(log.context.poll() == 0);  // all of them have a place
  busy.release();
  log.context.run();
  CHECK(log.count({}) == most);
}

}  // namespace

TEST_CASE("a full pool rejects at once, and exactly what is more than max_pending [P39]") {
  for (const int threads : {1, 2}) {
    for (const int most : {1, 3, 64}) {
      ComputePool pool{{.threads = threads,
                        .max_pending = static_cast<std::size_t>(most),
                        .overflow = Overflow::reject}};
      Log log;
      {
        BusyWorkers busy(pool);
        for (int i = 0; i < most; ++i) log.submit(pool, i);
        CHECK(log.context.poll() == 0);
        for (int i = most; i < most + 5; ++i) {
          log.submit(pool, i);
          CHECK(log.ended.size() == static_cast<std::size_t>(i - most));  // not in the call
          log.until_ended(static_cast<std::size_t>(i - most + 1));        // the workers being busy
          CHECK(log.ended.back() == std::pair(i, make_error_code(errc::queue_full)));
        }
        CHECK(pool.metrics().rejected == 5);
        CHECK(pool.metrics().pending == static_cast<std::uint64_t>(most));
      }
      log.context.run();
      CHECK(log.count({}) == most);
      CHECK(log.count(errc::queue_full) == 5);
      std::sort(log.ran.begin(), log.ran.end());
      CHECK(log.ran == numbers(0, most));
      check_it_still_works(pool);
    }
  }
}

TEST_CASE("every operation of a full pool can be rejected [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1, .overflow = Overflow::reject}};
  std::atomic<int> ran = 0;
  const auto job = [&] { ++ran; };
  const auto rejected = [](auto future) {
    try {
      future.get();
    } catch (const std::system_error& error) {
      return error.code() == errc::queue_full;
    }
    return false;
  };
  BusyWorkers busy(pool);
  auto queued = pool.execute(job, asio::use_future);
  CHECK(rejected(pool.execute(job, asio::use_future)));
  CHECK(rejected(pool.execute({.priority = Priority::high}, job, asio::use_future)));
  CHECK(rejected(pool.execute([] { return std::string("x"); }, asio::use_future)));
  CHECK(rejected(pool.install(job, asio::use_future)));
  CHECK(rejected(pool.join(job, job, asio::use_future)));
  CHECK(rejected(pool.execute_scoped([&](millrace::Scope&) { ++ran; }, asio::use_future)));
  CHECK(rejected(pool.execute_scoped_fifo([&](millrace::Scope&) { ++ran; }, asio::use_future)));
  std::error_code thrown;
  try {
    pool.execute_sync(job);
  } catch (const std::system_error& error) {
    thrown = error.code();
  }
  CHECK(thrown == errc::queue_full);
  busy.release();
  queued.get();
  CHECK(ran == 1);
  check_it_still_works(pool);
}

TEST_CASE("a place is free again as soon as a queued job has started or was cancelled [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1, .overflow = Overflow::reject}};
  Log log;
  std::latch started(1);
  std::latch release(1);
  {
    BusyWorkers busy(pool);
    asio::cancellation_signal cancel;
    pool.execute(log.job(1), asio::bind_cancellation_slot(cancel.slot(), log.handler(1)));
    cancel.emit(asio::cancellation_type::terminal);
    pool.execute(
        [&] {
          started.count_down();
          release.wait();
        },
        log.handler(2));
    log.submit(pool, 3);
    log.until_ended(2);
  }
  started.wait();
  log.submit(pool, 4);
  release.count_down();
  log.context.run();
  CHECK(log.ran == std::vector{4});
  CHECK(log.count(asio::error::operation_aborted) == 1);
  CHECK(log.count(errc::queue_full) == 1);
  CHECK(log.count({}) == 2);
}

TEST_CASE("what finds a full pool waits and is admitted in order [P39]") {
  for (const std::size_t most : {1u, 2u, 10u}) {
    ComputePool pool{{.threads = 1, .max_pending = most}};
    Log log;
    {
      BusyWorkers busy(pool);
      for (int i = 0; i < 200; ++i) log.submit(pool, i);
      CHECK(log.context.poll() == 0);
      CHECK(pool.metrics().pending == 200);
      CHECK(pool.metrics().rejected == 0);
    }
    log.context.run();
    CHECK(log.ran == numbers(0, 200));
    CHECK(log.count({}) == 200);
    check_it_still_works(pool);
  }
}

TEST_CASE("no more than max_pending are let in, so that a high one overtakes few [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 4}};
  Log log;
  {
    BusyWorkers busy(pool);
    for (int i = 0; i < 4; ++i) log.submit(pool, i);
    for (int i = 4; i < 8; ++i) log.submit(pool, i);                                 // parked
    for (int i = 8; i < 12; ++i) log.submit(pool, i, {.priority = Priority::high});  // behind them
  }
  log.context.run();
  REQUIRE(log.ran.size() == 12);
  // The first high one gets in when the fifth job starts, and overtakes three of those before it;
  // so does each, but for one in 8 that normal ones come first.
  CHECK(log.place(8) >= 5);
  CHECK(log.place(11) < log.place(7));
  CHECK(log.place(8) < log.place(9));
  CHECK(log.place(9) < log.place(10));
}

TEST_CASE("a waiter of a full pool can be cancelled, and completes while workers are busy [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 2}};
  Log log;
  std::array<asio::cancellation_signal, 20> signals;
  {
    BusyWorkers busy(pool);
    for (int i = 0; i < 20; ++i) {
      pool.execute(log.job(i), asio::bind_cancellation_slot(
                                   signals[static_cast<std::size_t>(i)].slot(), log.handler(i)));
    }
    // First, middle and last of the waiters, two neighbours, and one that is queued.
    const std::vector<std::size_t> cancelled{2, 10, 11, 19, 1};
    for (const std::size_t i : cancelled) signals[i].emit(asio::cancellation_type::total);
    CHECK(log.ended.empty());
    log.until_ended(5);
    CHECK(log.count(asio::error::operation_aborted) == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(log.ended[i].first == static_cast<int>(cancelled[i]));
      CHECK_FALSE(signals[cancelled[i]].slot().has_handler());
    }
    for (const std::size_t i : cancelled) signals[i].emit(asio::cancellation_type::all);
    CHECK(pool.metrics().cancelled == 5);
  }
  log.context.run();
  CHECK(log.ran == std::vector{0, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18});
  CHECK(log.ended.size() == 20);
  check_it_still_works(pool);
}

TEST_CASE("all waiters cancelled leave a pool that takes others [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1}};
  Log log;
  {
    BusyWorkers busy(pool);
    for (int round = 0; round < 3; ++round) {
      std::array<asio::cancellation_signal, 10> signals;
      for (auto& each : signals) {
        pool.execute(log.job(-1), asio::bind_cancellation_slot(each.slot(), log.handler(-1)));
      }
      for (auto& each : signals) each.emit(asio::cancellation_type::partial);
      log.until_ended(static_cast<std::size_t>(10 * (round + 1)));
    }
    log.submit(pool, 1);
    log.submit(pool, 2);
  }
  log.context.run();
  CHECK(log.ran == std::vector{1, 2});
  check_it_still_works(pool);
}

TEST_CASE("cancelling waiters races with their being let in, each ends once [P39]") {
  for (int round = 0; round < 300; ++round) {
    ComputePool pool{{.threads = 2, .max_pending = 1}};
    Log log;
    std::array<asio::cancellation_signal, 30> signals;
    for (int i = 0; i < 30; ++i) {
      pool.execute(log.job(i), asio::bind_cancellation_slot(
                                   signals[static_cast<std::size_t>(i)].slot(), log.handler(i)));
    }
    for (std::size_t i = 0; i < 30; ++i) {
      signals[(i * 7) % 30].emit(asio::cancellation_type::terminal);
    }
    log.context.run();
    REQUIRE(log.ended.size() == 30);
    REQUIRE(log.count({}) == static_cast<std::ptrdiff_t>(log.ran.size()));
    REQUIRE(log.count({}) + log.count(asio::error::operation_aborted) == 30);
  }
}

TEST_CASE("the deadline of a waiter passes while the workers are busy [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1}};
  Log log;
  const auto now = std::chrono::steady_clock::now();
  {
    BusyWorkers busy(pool);
    log.submit(pool, 0);
    log.submit(pool, 1, {.deadline = now + std::chrono::milliseconds(1)});
    log.submit(pool, 2, {.deadline = now + std::chrono::hours(1)});
    log.submit(pool, 3, {.deadline = now});
    log.submit(pool, 4);
    log.until_ended(2);
    CHECK(log.count(errc::deadline_exceeded) == 2);
    CHECK(pool.metrics().expired == 2);
  }
  log.context.run();
  CHECK(log.ran == std::vector{0, 2, 4});
  CHECK(log.ended.size() == 5);
  check_it_still_works(pool);
}

TEST_CASE("the deadline of a queued job passes, and a waiter gets its place [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1}};
  Log log;
  {
    BusyWorkers busy(pool);
    log.submit(pool, 0, {.deadline = std::chrono::steady_clock::now()});
    log.submit(pool, 1);
    log.until_ended(1);
    CHECK(log.ended.front() == std::pair(0, make_error_code(errc::deadline_exceeded)));
  }
  log.context.run();
  CHECK(log.ran == std::vector{1});
  check_it_still_works(pool);
}

TEST_CASE("a rejected operation with deadline and slot ends once [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1, .overflow = Overflow::reject}};
  Log log;
  {
    BusyWorkers busy(pool);
    log.submit(pool, 0);
    asio::cancellation_signal cancel;
    pool.execute({.deadline = std::chrono::steady_clock::now()}, log.job(1),
                 asio::bind_cancellation_slot(cancel.slot(), log.handler(1)));
    cancel.emit(asio::cancellation_type::terminal);
    log.until_ended(1);
    CHECK_FALSE(cancel.slot().has_handler());
    // Its deadline had passed at once, so the timer may have been faster.
    CHECK((log.ended.front().second == errc::queue_full ||
           log.ended.front().second == errc::deadline_exceeded));
  }
  log.context.run();
  CHECK(log.ended.size() == 2);
  CHECK(log.ran == std::vector{0});
  check_it_still_works(pool);
}

TEST_CASE("execute_sync on a full pool blocks until its turn has come [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1}};
  Log log;
  BusyWorkers busy(pool);
  log.submit(pool, 0);
  log.submit(pool, 1);
  std::atomic<bool> returned = false;
  std::thread caller([&] {
    pool.execute_sync(log.job(2));
    returned = true;
  });
  while (pool.metrics().pending != 3) std::this_thread::yield();  // it has been parked
  CHECK_FALSE(comes_true([&] { return returned.load(); }));
  busy.release();
  caller.join();
  log.context.run();
  CHECK(log.ran == std::vector{0, 1, 2});
  check_it_still_works(pool);
}

TEST_CASE("execute_sync on a full pool gives up at its deadline [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1}};
  BusyWorkers busy(pool);
  Log log;
  log.submit(pool, 0);
  std::error_code thrown;
  try {
    pool.execute_sync({.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1)},
                      log.job(1));
  } catch (const std::system_error& error) {
    thrown = error.code();
  }
  CHECK(thrown == errc::deadline_exceeded);
  busy.release();
  log.context.run();
  CHECK(log.ran == std::vector{0});
  check_it_still_works(pool);
}

TEST_CASE("a job that submits to its own full pool doesn't deadlock [P39]") {
  for (const Overflow overflow : {Overflow::wait, Overflow::reject}) {
    ComputePool pool{{.threads = 1, .max_pending = 2, .overflow = overflow}};
    Log log;
    int inner = 0;
    pool.execute(
            [&] {
              for (int i = 0; i < 10; ++i) log.submit(pool, i);
              for (int i = 0; i < 10; ++i) pool.execute([] {}, asio::detached);
              inner += pool.execute_sync([] { return 1; });  // inline: needs no place
              pool.install([&] { ++inner; }, asio::detached);
            },
            asio::use_future)
        .get();
    log.context.run();
    pool.async_drain(asio::use_future).get();
    CHECK(inner == 2);
    CHECK(log.ran == numbers(0, overflow == Overflow::wait ? 10 : 2));
    CHECK(log.ended.size() == 10);
    check_it_still_works(pool);
  }
}

TEST_CASE("a coroutine on a full pool's own executor awaits its operations [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1}};
  std::atomic<int> sum = 0;
  const auto coroutine = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 10; ++i) {
      const int got = co_await pool.execute([] { return 1; });
      sum += got;
    }
  };
  std::vector<std::future<void>> all;
  for (int i = 0; i < 10; ++i) all.push_back(asio::co_spawn(pool, coroutine, asio::use_future));
  for (auto& each : all) each.get();
  CHECK(sum == 100);
}

TEST_CASE("handlers that submit more to a full pool get theirs run [P39]") {
  ComputePool pool{{.threads = 2, .max_pending = 1}};
  asio::io_context context;
  int ended = 0;
  std::function<void(int)> chain = [&](int left) {
    pool.execute([] {}, asio::bind_executor(context, [&, left](std::exception_ptr) {
                   ++ended;
                   if (left > 0) chain(left - 1);
                 }));
  };
  for (int i = 0; i < 20; ++i) chain(49);
  context.run();
  CHECK(ended == 1000);
  check_it_still_works(pool);
}

TEST_CASE("many threads share a bounded pool, nothing is lost and nothing runs twice [P39]") {
  for (const Overflow overflow : {Overflow::wait, Overflow::reject}) {
    ComputePool pool{{.threads = 2, .max_pending = 4, .overflow = overflow}};
    std::atomic<int> ran = 0;
    std::atomic<int> completed = 0;
    std::atomic<int> rejected = 0;
    std::vector<std::thread> submitters;
    for (int t = 0; t < 4; ++t) {
      submitters.emplace_back([&] {
        asio::io_context context;
        for (int i = 0; i < 500; ++i) {
          pool.execute([&] { ++ran; },
                       asio::bind_executor(context, [&](const std::exception_ptr& error) {
                         if (!error) ++completed;
                         if (code_of(error) == errc::queue_full) ++rejected;
                       }));
          context.poll();
        }
        context.restart();  // poll() stops a context that has nothing to do
        context.run();
      });
    }
    for (auto& each : submitters) each.join();
    CHECK(completed == ran);
    CHECK(completed + rejected == 2000);
    if (overflow == Overflow::wait) CHECK(rejected == 0);
    check_it_still_works(pool);
  }
}

TEST_CASE("shutdown refuses those parked and those queued in order, none runs [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 3}};
  Log log;
  BusyWorkers busy(pool);
  for (int i = 0; i < 10; ++i) log.submit(pool, i);
  pool.shutdown();
  log.submit(pool, 10);
  log.until_ended(11);  // while the worker is busy
  CHECK(log.count(errc::pool_shut_down) == 11);
  CHECK(pool.metrics().pending == 0);
  busy.release();
  log.context.run();
  pool.async_drain(asio::use_future).get();
  CHECK(log.ran.empty());
}

TEST_CASE("a full pool that is shut down refuses rather than rejects [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1, .overflow = Overflow::reject}};
  Log log;
  BusyWorkers busy(pool);
  log.submit(pool, 0);
  pool.shutdown();
  log.submit(pool, 1);
  log.until_ended(2);
  CHECK(log.count(errc::pool_shut_down) == 2);
}

TEST_CASE("a pool is destroyed with jobs parked [P39]") {
  Log log;
  {
    ComputePool pool{{.threads = 1, .max_pending = 2}};
    BusyWorkers busy(pool);
    for (int i = 0; i < 10; ++i) log.submit(pool, i);
    for (int i = 0; i < 10; ++i) pool.execute(log.job(100), asio::detached);
    pool.shutdown();
  }
  log.context.run();
  CHECK(log.count(errc::pool_shut_down) == 10);
  CHECK(log.ran.empty());
}

TEST_CASE("a context goes with its jobs parked, and those of others get their places [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 2}};
  Log stays;
  std::atomic<int> ran = 0;
  std::atomic<int> called = 0;
  test::AllocationCounts memory;
  BusyWorkers busy(pool);
  {
    asio::io_context goes;
    const auto submit = [&](const auto& executor) {
      pool.execute([&] { ++ran; },
                   asio::bind_executor(
                       executor, asio::bind_allocator(test::CountingAllocator<void>(memory),
                                                      [&](std::exception_ptr) { ++called; })));
    };
    for (int i = 0; i < 20; ++i) {  // two queued, all others parked
      submit(goes.get_executor());
      submit(asio::make_strand(goes));
      stays.submit(pool, i);
    }
    CHECK(memory.live >= 40);
  }
  CHECK(memory.live == 0);
  CHECK(pool.metrics().pending == 20);
  CHECK(pool.metrics().cancelled == 40);
  busy.release();
  stays.context.run();
  CHECK(stays.ran == numbers(0, 20));
  CHECK(ran == 0);
  CHECK(called == 0);
  check_it_still_works(pool);
}

TEST_CASE("what the pool's executor is given is not bounded, and takes no place [P39]") {
  for (const Overflow overflow : {Overflow::wait, Overflow::reject}) {
    ComputePool pool{{.threads = 1, .max_pending = 2, .overflow = overflow}};
    Log log;
    std::atomic<int> posted = 0;
    {
      BusyWorkers busy(pool);
      for (int i = 0; i < 50; ++i) asio::post(pool, [&] { ++posted; });
      log.submit(pool, 0);
      log.submit(pool, 1);
      CHECK(log.context.poll() == 0);
      for (int i = 0; i < 50; ++i) asio::post(pool, [&] { ++posted; });
      CHECK(pool.metrics().rejected == 0);
    }
    pool.async_drain(asio::use_future).get();
    CHECK(posted == 100);
    log.context.run();
    CHECK(log.count({}) == 2);
    check_it_still_works(pool);
  }
}

TEST_CASE("an awaiter sees queue_full as an exception, and may try again [P39]") {
  ComputePool pool{{.threads = 1, .max_pending = 1, .overflow = Overflow::reject}};
  auto busy = std::make_unique<BusyWorkers>(pool);
  auto queued = pool.execute([] {}, asio::use_future);
  test::run([](ComputePool<>& p, std::unique_ptr<BusyWorkers>& blocked,
               std::future<void>& before) -> asio::awaitable<void> {
    std::error_code seen;
    try {
      co_await p.execute([] {});
    } catch (const std::system_error& error) {
      seen = error.code();
    }
    CHECK(seen == errc::queue_full);
    blocked.reset();
    before.get();
    const int got = co_await p.execute([] { return 3; });
    CHECK(got == 3);
  }(pool, busy, queued));
}
