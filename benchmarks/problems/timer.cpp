#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <vector>

#include "problems/problems.hpp"
#include "support/churn.hpp"
#include "support/contest.hpp"
#include "support/statistics.hpp"
#include "support/tick.hpp"

namespace bench {

namespace {

constexpr std::chrono::milliseconds job_length(1);

/// No jobs at all: how late the timer of an idle loop is.
struct idle_loop {
  explicit idle_loop(int) {}
};

/// The jobs on the loop itself, between one handler and the next.
struct inline_on_loop {
  explicit inline_on_loop(int) {}
};

template <class Rival>
asio::awaitable<void> compute(Rival& rival, std::uint64_t steps, const bool& stop, int& done) {
  const auto expected = churn(1, steps);
  while (!stop) {
    std::uint64_t result = 0;
    if constexpr (std::is_same_v<Rival, inline_on_loop>) {
      static_cast<void>(rival);
      result = churn(1, steps);
      co_await asio::post(asio::use_awaitable);
    } else {
      result =
          co_await rival.start([steps]() noexcept { return churn(1, steps); }, asio::use_awaitable);
    }
    if (result != expected) throw std::runtime_error("a job gave a wrong result");
    ++done;
  }
}

// Measured once: jobs of all rivals are of the same length.
std::uint64_t steps_of_a_job() {
  static const std::uint64_t steps = churn_steps(job_length);
  return steps;
}

template <class Rival>
measurements run(int workers, nanoseconds time) {
  const std::uint64_t steps = steps_of_a_job();
  Rival rival(workers);
  asio::io_context context;
  std::vector<double> late;
  bool stop = false;
  int done = 0;
  // Jobs first, so that the workers are busy before the first tick.
  if constexpr (!std::is_same_v<Rival, idle_loop>)
    for (int i = 0; i < 4 * workers; ++i)
      asio::co_spawn(context, compute(rival, steps, stop, done), rethrow);
  asio::co_spawn(context, tick(time, late, stop), rethrow);
  const auto started = clock::now();
  const auto cpu = process_cpu();
  context.run();
  const auto busy = in_ns(process_cpu() - cpu) / in_ns(clock::now() - started);
  std::sort(late.begin(), late.end());
  return {{"late p50", "us", quantile(late, 0.5)},
          {"late p99", "us", quantile(late, 0.99)},
          {"cores busy", "cores", busy}};
}

template <class Rival>
variant make(const char* name, int workers) {
  return {"timer", name, workers, 0, std::chrono::milliseconds(300), [workers](nanoseconds time) {
            return run<Rival>(workers, time);
          }};
}

}  // namespace

void add_timer(suite& all) {
  for (const int workers : {1, 2}) {
    all.add(make<idle_loop>("idle_loop", workers));
    for_each_rival([&]<class Rival, style Style>(const char* name) {
      if constexpr (Style == style::coroutines) all.add(make<Rival>(name, workers));
    });
    all.add(make<inline_on_loop>("inline_on_loop", workers));
  }
}

}  // namespace bench
