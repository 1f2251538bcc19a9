#include <algorithm>
#include <asio/bind_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <barrier>
#include <chrono>
#include <ctime>
#include <future>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using millrace::ComputePool;
using millrace::Priority;

TEST_CASE("jobs submitted one by one to a pool that goes to sleep are all run [P24]") {
  ComputePool pool{{.threads = 2, .idle_spin = std::chrono::microseconds(1)}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    for (int i = 0; i < 3000; ++i) {
      const int got = co_await p.execute([i] { return i; });
      REQUIRE(got == i);
      for (int pause = 0; pause < i % 97; ++pause) millrace::detail::spin_pause();
    }
  }(pool));
}

TEST_CASE("a handler that blocks on a job that it submitted gets its result [P24]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  int sum = 0;
  for (int i = 0; i < 100; ++i) {
    pool.execute([] {}, asio::bind_executor(context, [&](std::exception_ptr) {
                   sum += pool.execute([] { return 1; }, asio::use_future).get();
                 }));
  }
  context.run();
  CHECK(sum == 100);
}

TEST_CASE("a throwing handler leaves run(), the others are delivered by the next run() [P27]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  std::vector<int> delivered;
  for (int i = 0; i < 10; ++i) {
    pool.execute([] {}, asio::bind_executor(context, [&delivered, i](std::exception_ptr) {
                   delivered.push_back(i);
                   if (i % 3 == 1) throw std::runtime_error("handler " + std::to_string(i));
                 }));
  }
  while (pool.metrics().completed != 10) std::this_thread::yield();
  std::vector<std::string> thrown;
  for (;;) {
    try {
      context.run();
      break;
    } catch (const std::runtime_error& error) {
      thrown.emplace_back(error.what());
    }
  }
  CHECK(thrown == std::vector<std::string>{"handler 1", "handler 4", "handler 7"});
  CHECK(delivered == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("handlers of one context run side by side if several threads run it [P5]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  constexpr int threads = 3;
  std::barrier meet(threads);  // handlers that wait for each other: one batch, three threads
  for (int i = 0; i < threads; ++i) {
    pool.execute([] {},
                 asio::bind_executor(context, [&](std::exception_ptr) { meet.arrive_and_wait(); }));
  }
  while (pool.metrics().completed != threads) std::this_thread::yield();
  std::vector<std::thread> runners;
  for (int i = 0; i < threads; ++i) runners.emplace_back([&] { context.run(); });
  for (auto& runner : runners) runner.join();
  SUCCEED("all of them met");
}

TEST_CASE("handlers reach contexts of every kind [P5]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  asio::thread_pool threads(1);
  auto strand = asio::make_strand(context);
  asio::any_io_executor any = threads.get_executor();
  bool on_context = false;
  bool on_strand = false;
  std::latch done(2);
  std::atomic<int> on_threads = 0;
  const auto count = [&](std::exception_ptr) {
    if (threads.get_executor().running_in_this_thread()) ++on_threads;
    done.count_down();
  };
  pool.execute([] {}, asio::bind_executor(context, [&](std::exception_ptr) {
                 on_context = context.get_executor().running_in_this_thread();
               }));
  pool.execute([] {}, asio::bind_executor(strand, [&](std::exception_ptr) {
                 on_strand = strand.running_in_this_thread();
               }));
  pool.execute([] {}, asio::bind_executor(threads, count));
  pool.execute([] {}, asio::bind_executor(any, count));
  context.run();
  done.wait();
  CHECK(on_context);
  CHECK(on_strand);
  CHECK(on_threads == 2);
}

TEST_CASE("one long job doesn't hold up the short ones behind it [P38]") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  std::latch release(1);
  int short_ones = 0;
  bool long_one_ended_last = false;
  pool.execute([&] { release.wait(); }, asio::bind_executor(context, [&](std::exception_ptr) {
                 long_one_ended_last = short_ones == 99;
               }));
  for (int i = 0; i < 99; ++i) {
    pool.execute([] {}, asio::bind_executor(context, [&](std::exception_ptr) {
                   if (++short_ones == 99) release.count_down();
                 }));
  }
  context.run();  // never returns if one of the 99 waits for the long one
  CHECK(long_one_ended_last);
}

TEST_CASE("high priority overtakes what is queued, low is not starved [P40]") {
  ComputePool pool{{.threads = 1}};
  std::latch blocked(1);
  std::latch release(1);
  std::vector<std::string> order;  // written on the one worker, read after the last job
  auto first = pool.execute(
      [&] {
        blocked.count_down();
        release.wait();
      },
      asio::use_future);
  blocked.wait();
  std::vector<std::future<void>> others;
  const auto submit = [&](Priority priority, const char* name) {
    others.push_back(pool.execute(
        {.priority = priority}, [&order, name] { order.emplace_back(name); }, asio::use_future));
  };
  submit(Priority::low, "low");
  submit(Priority::normal, "normal");
  for (int i = 0; i < 300; ++i) submit(Priority::high, "high");
  release.count_down();
  first.get();
  for (auto& other : others) other.get();
  const auto place = [&](const char* name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  REQUIRE(order.size() == 302);
  CHECK(order.front() == "high");
  CHECK(place("normal") < 16);
  CHECK(place("low") > 0);
  CHECK(place("low") < 130);
}

TEST_CASE("every operation takes options before its callable [P40]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const millrace::JobOptions high{.priority = Priority::high};
    const int a = co_await p.execute(high, [] { return 1; });
    const int b = co_await p.install({.priority = Priority::low}, [] { return 2; });
    const auto c = co_await p.join(high, [] { return 3; }, [] { return 4; });
    const int d = co_await p.execute_scoped(high, [](millrace::Scope&) { return 5; });
    const int e = co_await p.execute_scoped_fifo(high, [](millrace::Scope&) { return 6; });
    CHECK(std::tuple(a, b, std::get<0>(c), std::get<1>(c), d, e) == std::tuple(1, 2, 3, 4, 5, 6));
  }(pool));
}

TEST_CASE("the loop serves timers and sockets while all workers are busy [P41]") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  std::latch busy(2);
  std::latch release(1);
  int ended = 0;
  for (int i = 0; i < 10; ++i) {  // two that run, eight that wait
    pool.execute(
        [&, i] {
          if (i < 2) busy.count_down();
          release.wait();
        },
        asio::bind_executor(context, [&](std::exception_ptr) { ++ended; }));
  }
  busy.wait();
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        asio::local::stream_protocol::socket here(context);
        asio::local::stream_protocol::socket there(context);
        asio::local::connect_pair(here, there);
        asio::steady_timer timer(context);
        std::string got(4, ' ');
        for (int i = 0; i < 100; ++i) {
          timer.expires_after(std::chrono::microseconds(10));
          co_await timer.async_wait(asio::use_awaitable);
          co_await asio::async_write(here, asio::buffer("ping", 4), asio::use_awaitable);
          co_await asio::async_read(there, asio::buffer(got), asio::use_awaitable);
        }
        CHECK(got == "ping");
        CHECK(ended == 0);  // all of that while the workers were busy
        release.count_down();
      },
      [](std::exception_ptr error) { CHECK_FALSE(error); });
  context.run();
  CHECK(ended == 10);
}

TEST_CASE("an idle pool uses no CPU soon after its last job [P42]") {
  ComputePool pool{{.threads = 2}};
  for (int i = 0; i < 100; ++i) pool.execute_sync([] {});
  const auto cpu_now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1'000'000'000L + time.tv_nsec;
  };
  // One window of 100 ms with less than 1 ms of CPU is enough; a pool that spins has none.
  long least = 1'000'000'000;
  asio::io_context context;
  for (int window = 0; window < 30 && least >= 1'000'000; ++window) {
    const long before = cpu_now();
    asio::steady_timer timer(context, std::chrono::milliseconds(100));
    timer.wait();
    least = std::min(least, cpu_now() - before);
  }
  CHECK(least < 1'000'000);
}
