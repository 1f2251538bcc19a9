// Threads that submit while others shut the pool down: each job ran or was refused.
#include <asio/bind_executor.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "stress/settings.hpp"
#include "support/catch.hpp"

using millrace::ComputePool;

namespace {

struct Tally {
  std::atomic<std::uint64_t> ran = 0;
  std::atomic<std::uint64_t> returned = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::atomic<std::uint64_t> full = 0;
  std::atomic<std::uint64_t> odd = 0;

  void ended(const std::exception_ptr& error) {
    try {
      if (error) std::rethrow_exception(error);
      ++returned;
    } catch (const std::system_error& e) {
      if (e.code() == millrace::errc::pool_shut_down) {
        ++refused;
      } else if (e.code() == millrace::errc::queue_full) {
        ++full;
      } else {
        ++odd;
      }
    } catch (...) {
      ++odd;
    }
  }
};

struct Handler {
  Tally* tally;
  void operator()(const std::exception_ptr& error) const { tally->ended(error); }
};

// One job, in one of the ways there are.
void submit_one(ComputePool<>& pool, asio::thread_pool& context, Tally& tally, std::uint32_t way) {
  const auto job = [&tally] { ++tally.ran; };
  const millrace::JobOptions options{
      .priority = millrace::Priority::high,
      .deadline = std::chrono::steady_clock::now() + std::chrono::hours(1)};
  switch (way) {
    case 0:
      return pool.execute(job, asio::bind_executor(context, Handler{&tally}));
    case 1:
      return pool.execute(options, job, asio::bind_executor(context, Handler{&tally}));
    case 2:
      return pool.execute(job, Handler{&tally});
    case 3:
      return pool.execute_scoped([job](millrace::Scope& scope) { scope.spawn(job); },
                                 asio::bind_executor(context, Handler{&tally}));
    default:
      try {
        pool.execute_sync(job);
        tally.ended(nullptr);
      } catch (...) {
        tally.ended(std::current_exception());
      }
  }
}

}  // namespace

TEST_CASE("submit races shutdown: each job ran or was refused [P23]") {
  constexpr int submitters = 3;
  constexpr std::uint64_t jobs_each = 40;
  const std::uint64_t rounds = stress::setting("MILLRACE_STRESS_JOBS", 100'000) / 100;

  asio::thread_pool context(1);
  Tally all;
  std::optional<ComputePool<>> pool;
  std::barrier step(submitters + 2);
  bool over = false;

  std::vector<std::thread> threads;
  for (int i = 0; i < submitters; ++i) {
    threads.emplace_back([&, i] {
      stress::Random random(stress::seed() + std::uint64_t(i));
      for (;;) {
        step.arrive_and_wait();
        if (over) return;
        for (std::uint64_t n = 0; n < jobs_each; ++n) {
          submit_one(*pool, context, all, random.below(5));
        }
        step.arrive_and_wait();
      }
    });
  }
  threads.emplace_back([&] {
    stress::Random random(stress::seed() - 1);
    for (;;) {
      step.arrive_and_wait();
      if (over) return;
      stress::pause(random.below(1500));
      if (random.percent(50)) std::this_thread::yield();
      pool->shutdown();
      if (random.percent(20)) pool->shutdown();
      step.arrive_and_wait();
    }
  });

  std::uint64_t wrong = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto overflow = round % 2 == 0 ? millrace::Overflow::wait : millrace::Overflow::reject;
    pool.emplace(millrace::ComputeConfig{.threads = 1 + int(round % 2),
                                         .max_pending = round % 3 == 0 ? 0u : 4u,
                                         .overflow = overflow});
    step.arrive_and_wait();
    step.arrive_and_wait();
    if (round % 4 != 0) {
      pool.reset();
    } else {
      // Its jobs end all the same while the pool goes on to exist.
      std::atomic<bool> drained = false;
      pool->async_drain(
          asio::bind_executor(context, [&](const std::exception_ptr&) { drained = true; }));
      stress::wait_for(drained);
      const auto metrics = pool->metrics();
      if (metrics.pending != 0 || metrics.active != 0) ++wrong;
      pool.reset();
    }
  }
  over = true;
  step.arrive_and_wait();
  for (auto& each : threads) each.join();
  context.join();

  CHECK(wrong == 0);
  CHECK(all.odd == 0);
  CHECK(all.ran == all.returned);
  CHECK(all.returned + all.refused + all.full == rounds * submitters * jobs_each);
  CHECK(all.refused != 0);
}
