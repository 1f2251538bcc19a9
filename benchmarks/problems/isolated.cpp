#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <vector>

#include "problems/problems.hpp"
#include "support/contest.hpp"
#include "support/placement.hpp"
#include "support/statistics.hpp"

namespace bench {

namespace {

// Gaps of 1 to 5 ms, the same for all rivals, in an order without rhythm.
nanoseconds gap(int number) {
  return std::chrono::microseconds(1000 + (static_cast<unsigned>(number) * 2654435761U) % 4000);
}

/// The loop and its timer without any job, to tell their share of the CPU time.
struct no_job {
  explicit no_job(int) {}
};

struct samples {
  std::vector<double> start;
  std::vector<double> round_trip;
};

template <class Rival>
asio::awaitable<void> isolated_jobs(Rival& rival, int jobs, samples& got) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int i = 0; i < jobs; ++i) {
    timer.expires_after(gap(i));
    co_await timer.async_wait(asio::use_awaitable);
    const auto submitted = clock::now();
    if constexpr (std::is_same_v<Rival, no_job>) {
      static_cast<void>(rival);
      got.start.push_back(0);
    } else {
      const auto begun =
          co_await rival.start([]() noexcept { return clock::now(); }, asio::use_awaitable);
      got.start.push_back(in_us(begun - submitted));
    }
    got.round_trip.push_back(in_us(clock::now() - submitted));
  }
}

template <class Rival>
samples samples_of(Rival& rival, int jobs) {
  asio::io_context context;
  samples got;
  asio::co_spawn(context, isolated_jobs(rival, jobs, got), rethrow);
  context.run();
  std::sort(got.start.begin(), got.start.end());
  std::sort(got.round_trip.begin(), got.round_trip.end());
  if (got.start.size() != static_cast<std::size_t>(jobs) || got.start.front() < 0)
    throw std::runtime_error("a job began before it was submitted, or never did");
  return got;
}

template <class Rival>
measurements run(int workers, nanoseconds time) {
  Rival rival(workers);
  const int jobs = std::max(10, static_cast<int>(time / std::chrono::milliseconds(3)));
  static_cast<void>(samples_of(rival, 5));
  place_threads(workers);
  const auto cpu = process_cpu();
  const samples got = samples_of(rival, jobs);
  measurements all{{"CPU per job", "us", in_us(process_cpu() - cpu) / jobs}};
  if constexpr (!std::is_same_v<Rival, no_job>) {
    all.push_back({"start p50", "us", quantile(got.start, 0.5)});
    all.push_back({"start p99", "us", quantile(got.start, 0.99)});
    all.push_back({"round trip p50", "us", quantile(got.round_trip, 0.5)});
  }
  return all;
}

}  // namespace

void add_isolated(suite& all) {
  const std::chrono::milliseconds length(180);
  for (const int workers : {1, 2}) {
    for_each_rival([&]<class Rival, style Style>(const char* name) {
      if constexpr (Style == style::coroutines)
        all.add({"isolated", name, workers, 1, length,
                 [workers](nanoseconds time) { return run<Rival>(workers, time); }});
    });
    if (workers == 1)
      all.add({"isolated", "no_job", workers, 1, length,
               [workers](nanoseconds time) { return run<no_job>(workers, time); }});
  }
}

}  // namespace bench
