#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <pthread.h>

#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <initializer_list>
#include <latch>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using millrace::ComputePool;

TEST_CASE("the job runs on a worker, the coroutine goes on where it was [P2]") {
  ComputePool pool{{.threads = 2, .thread_name = "p2"}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const auto loop = std::this_thread::get_id();
    for (int i = 0; i < 100; ++i) {
      std::string name(16, '\0');
      const auto worker = co_await p.execute([&] {
        ::pthread_getname_np(::pthread_self(), name.data(), name.size());
        return std::this_thread::get_id();
      });
      REQUIRE(worker != loop);
      REQUIRE(name.starts_with("p2-"));
      REQUIRE(std::this_thread::get_id() == loop);
    }
  }(pool));
}

TEST_CASE("every operation runs on workers and resumes on the loop [P2]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const auto loop = std::this_thread::get_id();
    const auto here = [] { return std::this_thread::get_id(); };
    const auto installed = co_await p.install(here);
    CHECK(installed != loop);
    const auto [a, b] = co_await p.join(here, here);
    CHECK(a != loop);
    CHECK(b != loop);
    const auto scoped = co_await p.execute_scoped([&](millrace::Scope&) { return here(); });
    CHECK(scoped != loop);
    const auto fifo = co_await p.execute_scoped_fifo([&](millrace::Scope&) { return here(); });
    CHECK(fifo != loop);
    CHECK(std::this_thread::get_id() == loop);
  }(pool));
}

TEST_CASE("install spreads a parallel_for over the workers of its pool and no others [P2]") {
  ComputePool pool{{.threads = 2, .thread_name = "wide"}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::barrier both(2);  // two iterations that only end together need two workers
    std::atomic<int> foreign = 0;
    co_await p.install([&] {
      tbb::parallel_for(
          0, 2,
          [&](int) {
            if (!p.get_executor().running_in_this_thread()) ++foreign;
            both.arrive_and_wait();
          },
          tbb::simple_partitioner());
    });
    CHECK(foreign == 0);
  }(pool));
}

namespace {

// Starts `count` jobs on each pool that all wait for one another: done only if all run at once.
void rendezvous(std::initializer_list<ComputePool<>*> pools, int count) {
  const auto all = static_cast<std::ptrdiff_t>(pools.size()) * count;
  std::barrier meet(all);
  std::latch done(all);
  for (ComputePool<>* pool : pools) {
    for (int i = 0; i < count; ++i) {
      asio::post(*pool, [&] {
        meet.arrive_and_wait();
        done.count_down();
      });
    }
  }
  done.wait();
}

}  // namespace

TEST_CASE("N long jobs run on N workers at once [P36]") {
  for (const int workers : {1, 2, 3}) {
    ComputePool pool{{.threads = workers}};
    CHECK(pool.num_threads() == workers);
    for (int round = 0; round < 50; ++round) rendezvous({&pool}, workers);
  }
  SUCCEED("all met");
}

TEST_CASE("two pools at a time have all their workers each [P36]") {
  for (const int workers : {1, 2, 3}) {
    ComputePool one{{.threads = workers}};
    ComputePool two{{.threads = workers}};
    for (int round = 0; round < 50; ++round) rendezvous({&one, &two}, workers);
  }
  SUCCEED("all met");
}

TEST_CASE("a pool has never more than its workers at once [P36]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::latch done(500);
  for (int i = 0; i < 500; ++i) {
    asio::post(pool, [&] {
      const int mine = ++now;
      int seen = most.load();
      while (mine > seen && !most.compare_exchange_weak(seen, mine)) {
      }
      std::this_thread::yield();
      --now;
      done.count_down();
    });
  }
  done.wait();
  CHECK(most <= 2);
}

TEST_CASE("a pool has all its workers and helpers under any foreign limit [P37]") {
  using control = tbb::global_control;
  const control foreign(control::max_allowed_parallelism, 1);
  ComputePool pool{{.threads = 2}};
  rendezvous({&pool}, 2);
  std::barrier both(2);
  pool.install(
          [&] {
            tbb::parallel_for(
                0, 2, [&](int) { both.arrive_and_wait(); }, tbb::simple_partitioner());
          },
          asio::use_future)
      .get();
  CHECK(control::active_value(control::max_allowed_parallelism) == 1);
}

TEST_CASE("a bad configuration makes no pool [P43]") {
  CHECK_THROWS_AS(ComputePool({.threads = 0}), std::invalid_argument);
  CHECK_THROWS_AS(ComputePool({.thread_name = ""}), std::invalid_argument);
  CHECK_THROWS_AS(ComputePool({.stack_size = 1}), std::invalid_argument);
  CHECK_THROWS_AS(ComputePool({.slow_job = std::chrono::nanoseconds(0)}), std::invalid_argument);
}

TEST_CASE("workers have the stack that was asked for") {
  ComputePool pool{{.threads = 1, .stack_size = 256u << 10}};
  CHECK(pool.execute_sync([] {
    pthread_attr_t attributes;
    std::size_t size = 0;
    ::pthread_getattr_np(::pthread_self(), &attributes);
    ::pthread_attr_getstacksize(&attributes, &size);
    ::pthread_attr_destroy(&attributes);
    return size;
  }) >= (256u << 10));
}
