#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <latch>
#include <memory>
#include <thread>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using millrace::ComputePool;

TEST_CASE("a completion comes once, and never inside the initiating call [P4]") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  int completions = 0;
  for (int i = 0; i < 1000; ++i) {
    bool initiating = true;
    bool inside = false;
    pool.execute([] { return 1; }, asio::bind_executor(context, [&](std::exception_ptr, int) {
                   ++completions;
                   inside = initiating;
                 }));
    // The job is over, the loop isn't running: nothing may have been called.
    while (pool.metrics().completed != static_cast<std::uint64_t>(i) + 1) std::this_thread::yield();
    CHECK(completions == i);
    initiating = false;
    context.restart();
    context.run();
    REQUIRE(completions == i + 1);
    REQUIRE_FALSE(inside);
  }
}

TEST_CASE("a completion through the pool's own executor isn't inside the initiating call [P4]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<int> inside = 0;
  std::latch done(1000);
  for (int i = 0; i < 1000; ++i) {
    thread_local bool initiating = false;
    initiating = true;
    pool.execute([] {},
                 [&](std::exception_ptr) {
                   if (initiating) ++inside;
                   done.count_down();
                 });
    initiating = false;
  }
  done.wait();
  CHECK(inside == 0);
}

TEST_CASE("install on a worker doesn't complete inside the initiating call either [P4]") {
  ComputePool pool{{.threads = 1}};
  std::latch done(1);
  bool inside = false;
  asio::post(pool, [&] {
    auto initiating = std::make_shared<bool>(true);
    pool.install([] {},
                 [&, initiating](std::exception_ptr) {
                   inside = *initiating;
                   done.count_down();
                 });
    *initiating = false;
  });
  done.wait();
  CHECK_FALSE(inside);
}

TEST_CASE("the handler runs through its associated executor, a strand stays a strand [P5]") {
  ComputePool pool{{.threads = 2}};
  asio::thread_pool loop(3);
  auto strand = asio::make_strand(loop);
  std::atomic<int> inside = 0;
  std::atomic<int> outside_strand = 0;
  std::atomic<int> overlaps = 0;
  std::latch done(2000);
  for (int i = 0; i < 2000; ++i) {
    pool.execute([i] { return i; }, asio::bind_executor(strand, [&](std::exception_ptr, int) {
                   if (!strand.running_in_this_thread()) ++outside_strand;
                   if (++inside != 1) ++overlaps;
                   --inside;
                   done.count_down();
                 }));
  }
  done.wait();
  loop.join();
  CHECK(outside_strand == 0);
  CHECK(overlaps == 0);
}

TEST_CASE("a coroutine on a strand resumes on that strand [P5]") {
  ComputePool pool{{.threads = 2}};
  asio::thread_pool loop(2);
  auto strand = asio::make_strand(loop);
  std::atomic<int> wrong = 0;
  std::latch done(1);
  asio::co_spawn(
      strand,
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 200; ++i) {
          co_await pool.execute([] {});
          if (!strand.running_in_this_thread()) ++wrong;
        }
      },
      [&](std::exception_ptr) { done.count_down(); });
  done.wait();
  loop.join();
  CHECK(wrong == 0);
}

TEST_CASE("run() doesn't return while a job is pending, and returns after the last [P6]") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  std::latch release(1);
  int completed = 0;
  for (int i = 0; i < 10; ++i) {
    pool.execute([&] { release.wait(); },
                 asio::bind_executor(context, [&](std::exception_ptr) { ++completed; }));
  }
  // Nothing is ready, yet the context must know that there will be.
  CHECK(context.poll() == 0);
  CHECK_FALSE(context.stopped());
  release.count_down();
  context.run();
  CHECK(completed == 10);
  CHECK(context.stopped());
}

TEST_CASE("run() knows of jobs started by a coroutine with a type-erased executor [P6]") {
  ComputePool pool{{.threads = 1}};
  for (int i = 0; i < 200; ++i) {
    bool ended = false;
    test::run([](ComputePool<>& p, bool& end) -> asio::awaitable<void> {
      co_await p.execute([] { std::this_thread::yield(); });
      end = true;
    }(pool, ended));
    REQUIRE(ended);
  }
}
