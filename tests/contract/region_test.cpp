// P49, P54: jobs beside fork-join regions and beside oneTBB's other users.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task.h>
#include <oneapi/tbb/task_group.h>

#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <future>
#include <latch>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/patterns.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

using millrace::ComputePool;

namespace {

// Somebody else's loop, on a thread of its own, that holds all that oneTBB has until it is
// released.
class ForeignLoop {
 public:
  ForeignLoop()
      : caller_([this] {
          tbb::parallel_for(
              0, 8,
              [this](int) {
                in_ = true;
                while (!release_) std::this_thread::yield();
              },
              tbb::simple_partitioner());
        }) {
    while (!in_) std::this_thread::yield();
  }
  ~ForeignLoop() {
    release_ = true;
    caller_.join();
  }
  ForeignLoop(const ForeignLoop&) = delete;
  ForeignLoop& operator=(const ForeignLoop&) = delete;

 private:
  std::atomic<bool> release_ = false;
  std::atomic<bool> in_ = false;
  std::thread caller_;
};

// `count` jobs that end only if all of them run at once.
void meet(ComputePool<>& pool, int count) {
  std::barrier all(count);
  std::vector<std::future<void>> jobs;
  for (int i = 0; i < count; ++i) {
    jobs.push_back(pool.execute([&] { all.arrive_and_wait(); }, asio::use_future));
  }
  for (auto& each : jobs) each.get();
}

}  // namespace

TEST_CASE("n jobs meet on n workers while a foreign loop fills the process [P49]") {
  const ForeignLoop loop;
  for (const int workers : {1, 2, 3}) {
    ComputePool pool{{.threads = workers}};
    for (int round = 0; round < 20; ++round) meet(pool, workers);
  }
}

TEST_CASE("a region has its helpers while a foreign loop fills the process [P49]") {
  const ForeignLoop loop;
  ComputePool pool{{.threads = 3}};
  std::barrier all(3);
  pool.install(
          [&] {
            tbb::parallel_for(0, 3, [&](int) { all.arrive_and_wait(); }, tbb::simple_partitioner());
          },
          asio::use_future)
      .get();
}

TEST_CASE("execute_sync from the body of a foreign loop returns [P49]") {
  ComputePool pool{{.threads = 1}};
  std::atomic<int> done = 0;
  tbb::parallel_for(
      0, 64, [&](int) { pool.execute_sync([&] { ++done; }); }, tbb::simple_partitioner());
  CHECK(done == 64);
}

TEST_CASE("a job that comes while helpers are busy in a region begins at once [P54]") {
  for (const int workers : {2, 3, 4}) {
    ComputePool pool{{.threads = workers}};
    std::latch all_in(workers);
    std::atomic<bool> release = false;
    auto region = pool.install(
        [&] {
          tbb::parallel_for(
              0, workers,
              [&](int) {
                all_in.count_down();
                while (!release) std::this_thread::yield();
              },
              tbb::simple_partitioner());
        },
        asio::use_future);
    all_in.wait();  // every helper has stolen a piece that ends only when it is let
    meet(pool, workers - 1);
    CHECK(pool.metrics().active == 1);
    release = true;
    region.get();
  }
}

TEST_CASE("helpers come again after jobs have called them back [P54]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::atomic<std::size_t> seen = 0;
  auto region = pool.install(
      [&] {
        while (!stop) {
          tbb::parallel_for(
              0, 64,
              [&](int) {
                const std::lock_guard lock(mutex);
                threads.insert(std::this_thread::get_id());
                seen = threads.size();
              },
              tbb::simple_partitioner());
        }
      },
      asio::use_future);
  for (int round = 0; round < 20; ++round) {
    {
      const std::lock_guard lock(mutex);
      threads.clear();
      seen = 0;
    }
    pool.execute([] {}, asio::use_future).get();
    while (seen != 2) std::this_thread::yield();  // hangs, and times out, if none comes
  }
  stop = true;
  region.get();
}

// Whoever arrives to help calls the next before anything else, and a thread that is called for the
// first time is started by its caller: so there it is, or never comes.
TEST_CASE("a region never has more threads than the pool has workers without a job [P54]") {
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first
  const auto before = test::threads_of_this_process();
  ComputePool pool{{.threads = 3}};
  std::latch busy(1);
  std::latch release(1);
  auto other = pool.execute(
      [&] {
        busy.count_down();
        release.wait();
      },
      asio::use_future);
  busy.wait();
  std::barrier both(2);
  pool.install(
          [&] {
            tbb::parallel_for(
                0, 2, [&](int) { both.arrive_and_wait(); }, tbb::simple_partitioner());
          },
          asio::use_future)
      .get();
  CHECK(test::threads_of_this_process() <= before + 3);  // two workers and one helper
  release.count_down();
  other.get();
}

TEST_CASE("an algorithm in a plain execute runs on its worker alone, and in no other job [P35]") {
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first
  const auto before = test::threads_of_this_process();
  ComputePool pool{{.threads = 2}};
  const auto loop = [](auto piece) { tbb::parallel_for(0, 100, piece); };
  pool.execute([&] { loop([](int) {}); }, asio::use_future).get();
  CHECK(test::threads_of_this_process() <= before + 1);  // nobody was called to help

  std::atomic<int> strangers = 0;
  std::mutex held;  // by a job across its loop: met again by the same thread it would hang
  std::vector<std::future<void>> jobs;
  for (int j = 0; j < 200; ++j) {
    jobs.push_back(pool.execute(
        [&] {
          const auto mine = std::this_thread::get_id();
          const std::lock_guard lock(held);
          loop([&](int) {
            if (std::this_thread::get_id() != mine) ++strangers;
          });
        },
        asio::use_future));
  }
  for (auto& each : jobs) each.get();
  CHECK(strangers == 0);
}

TEST_CASE("a job that cancels what it is in leaves later jobs' algorithms alone [P49]") {
  ComputePool pool{{.threads = 1}};
  const auto loop = [] {
    std::atomic<int> ran = 0;
    tbb::parallel_for(0, 100, [&](int) { ++ran; });
    return ran.load();
  };
  const auto cancel = [] {
    if (auto* const own = tbb::task::current_context()) own->cancel_group_execution();
  };
  pool.install(cancel, asio::use_future).get();
  CHECK(pool.install(loop, asio::use_future).get() == 100);
  pool.execute(cancel, asio::use_future).get();
  CHECK(pool.execute(loop, asio::use_future).get() == 100);
  pool.execute_scoped([&](millrace::Scope&) { cancel(); }, asio::use_future).get();
  std::atomic<int> children = 0;
  pool.execute_scoped(
          [&](millrace::Scope& scope) {
            for (int i = 0; i < 10; ++i) scope.spawn([&] { ++children; });
          },
          asio::use_future)
      .get();
  CHECK(children == 10);
}
