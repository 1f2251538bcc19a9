#include "millrace/detail/counters.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using millrace::detail::job_counters;

TEST_CASE("counts of all threads add up exactly") {
  const auto counters = std::make_unique<job_counters>();
  std::vector<std::thread> threads;
  for (int t = 0; t < 20; ++t) {  // more threads than shards
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        counters->submitted();
        counters->waited(5);
        counters->started();
        counters->ended(7, i % 4 == 0, i % 10 == 0);
        counters->returned(9);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto all = counters->snapshot();
  CHECK(all.submitted == 20'000);
  CHECK(all.started == 20'000);
  CHECK(all.completed == 15'000);
  CHECK(all.failed == 5'000);
  CHECK(all.slow == 2'000);
  CHECK(all.pending == 0);
  CHECK(all.active == 0);
  CHECK(all.queue_wait.count == 20'000);
  CHECK(all.queue_wait.max.count() == 5);
  CHECK(all.run_time.p50.count() == 7);
  CHECK(all.completion_delay.count == 20'000);
  CHECK(all.completion_delay.sum.count() == 180'000);
}

TEST_CASE("no snapshot shows a job ended before it started, nor a counter that fell") {
  const auto counters = std::make_unique<job_counters>();
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    while (!stop) {
      counters->submitted();
      std::thread([&] {
        counters->started();
        counters->ended(1, false, false);
      }).join();
    }
  });
  std::uint64_t last = 0;
  for (int i = 0; i < 300; ++i) {
    const auto now = counters->snapshot();
    REQUIRE(now.submitted >= now.started);
    REQUIRE(now.started >= now.completed + now.failed);
    REQUIRE(now.pending <= 1);
    REQUIRE(now.active <= 1);
    REQUIRE(now.completed >= last);
    last = now.completed;
  }
  stop = true;
  writer.join();
}

TEST_CASE("gauges never show more jobs than there are however many go by meanwhile") {
  const auto counters = std::make_unique<job_counters>();
  std::atomic<bool> stop = false;
  std::atomic<bool> going = false;
  std::thread writer([&] {
    while (!stop) {
      counters->submitted();
      counters->started();
      counters->ended(1, false, false);
      counters->submitted();
      counters->unstarted(millrace::Unstarted::cancelled);
      going = true;
    }
  });
  while (!going) std::this_thread::yield();
  std::uint64_t most_pending = 0;
  std::uint64_t most_active = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto now = counters->snapshot();
    most_pending = std::max(most_pending, now.pending);
    most_active = std::max(most_active, now.active);
  }
  stop = true;
  writer.join();
  CHECK(most_pending <= 1);
  CHECK(most_active <= 1);
  CHECK(counters->snapshot().pending == 0);
}

TEST_CASE("waits are measured one by one, and one in 16 while jobs take no time") {
  const auto counters = std::make_unique<job_counters>();
  const auto measured = [&](std::uint64_t ran_ns, int jobs) {
    int count = 0;
    for (int i = 0; i < jobs; ++i) {
      if (counters->measures_next()) ++count;
      counters->submitted();
      counters->started();
      counters->ended(ran_ns, false, false);
    }
    return count;
  };
  CHECK(measured(1'000, 1'600) == 1'600);
  measured(50, 1'600);
  CHECK(measured(50, 1'600) == 100);
  measured(1'000'000'000, 16);
  CHECK(measured(1'000, 1'600) == 1'600);
}
