#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <millrace/adaptive.hpp>
#include <millrace/job_size.hpp>
#include <stdexcept>
#include <vector>

#include "problems/problems.hpp"
#include "support/churn.hpp"
#include "support/statistics.hpp"
#include "support/stream.hpp"
#include "support/tick.hpp"

namespace bench {

namespace {

constexpr int in_flight = 8;
constexpr nanoseconds short_length(1'000);
constexpr std::chrono::milliseconds long_length(1);

struct job {
  std::uint64_t steps;
  std::uint64_t operator()() const noexcept { return churn(1, steps); }
};

/// On the loop, which has its turn after each 16th job.
struct always_inline {
  static constexpr const char* name = "always_inline";
  static auto start(millrace::ComputePool<>&, job f) { return millrace::compute_small(f); }
};
struct always_offload {
  static constexpr const char* name = "always_offload";
  static auto start(millrace::ComputePool<>& pool, job f) { return pool.execute(f); }
};
/// Knows nothing at the start of each run.
struct adaptive {
  static constexpr const char* name = "adaptive";
  millrace::AdaptiveState<> state;
  auto start(millrace::ComputePool<>& pool, job f) {
    return millrace::execute_adaptive(pool, state, f);
  }
};

/// Some jobs of one length, one after the other.
struct stretch {
  int jobs;
  nanoseconds length;
  std::size_t kind = 0;
};

/// Which jobs come one after the other, again and again.
struct course {
  const char* problem;
  std::vector<stretch> stretches;
};

// Jobs that get longer until they take a millisecond, and shorter again, in stretches of 8 ms.
std::vector<stretch> drifting() {
  std::vector<stretch> all;
  const auto add = [&](int us) { all.push_back({8'000 / us, std::chrono::microseconds(us)}); };
  for (int us = 1; us < 1'000; us *= 2) add(us);
  for (int us = 1'000; us > 0; us /= 2) add(us);
  return all;
}

const std::array<course, 4>& courses() {
  static const std::array<course, 4> all{{
      {"adaptive_short", {{1'000, short_length}}},
      {"adaptive_long", {{10, long_length}}},
      {"adaptive_mixed", {{100, short_length, 0}, {2, long_length, 1}}},
      {"adaptive_drifting", drifting()},
  }};
  return all;
}

// Measured once: jobs of all rivals are of the same length.
double steps_per_ns() {
  constexpr std::chrono::milliseconds probe(1);
  static const double steps = static_cast<double>(churn_steps(probe)) / in_ns(probe);
  return steps;
}

template <class Rival>
class stream_of_jobs {
 public:
  stream_of_jobs(const course& what, millrace::ComputePool<>& pool, clock::time_point deadline)
      : what_(what), pool_(pool), deadline_(deadline) {
    for (const stretch& one : what.stretches) {
      steps_.push_back(static_cast<std::uint64_t>(in_ns(one.length) * steps_per_ns()));
      results_.push_back(churn(1, steps_.back()));
    }
  }

  // Ends after a whole course, so that all rivals do the same work.
  asio::awaitable<void> work() {
    while (!stopped_) {
      const std::size_t at = at_;
      take();
      Rival& kind = kinds_[what_.stretches[at].kind];
      const job f{steps_[at]};
      const std::uint64_t got = co_await kind.start(pool_, f);
      if (got != results_[at]) throw std::runtime_error("a job gave a wrong result");
    }
  }

  [[nodiscard]] std::uint64_t started() const noexcept { return started_; }

 private:
  void take() {
    ++started_;
    if (++done_here_ < what_.stretches[at_].jobs) return;
    done_here_ = 0;
    if (++at_ < what_.stretches.size()) return;
    at_ = 0;
    stopped_ = clock::now() >= deadline_;
  }

  const course& what_;
  millrace::ComputePool<>& pool_;
  clock::time_point deadline_;
  std::vector<std::uint64_t> steps_;
  std::vector<std::uint64_t> results_;
  std::array<Rival, 2> kinds_;
  std::size_t at_ = 0;
  int done_here_ = 0;
  std::uint64_t started_ = 0;
  bool stopped_ = false;
};

template <class Rival>
measurements run(const course& what, int workers, nanoseconds time) {
  // As a service with as many workers as CPUs would: else the loop waits for their time slices, 3
  // ms now and then, whoever decides where jobs run (decision 0017).
  millrace::ComputePool pool{{.threads = workers, .nice = 10}};
  asio::io_context context;
  const auto started = clock::now();
  stream_of_jobs<Rival> jobs(what, pool, started + time);
  std::vector<double> late;
  bool stop = false;
  asio::co_spawn(context, tick(time, late, stop), rethrow);
  for (int i = 0; i < in_flight; ++i) asio::co_spawn(context, jobs.work(), rethrow);
  context.run();
  const double passed = in_ns(clock::now() - started);
  std::sort(late.begin(), late.end());
  return {{"time per job", "ns", passed / static_cast<double>(jobs.started())},
          {"late p50", "us", quantile(late, 0.5)},
          {"late p99", "us", quantile(late, 0.99)}};
}

// What it costs to decide where a job runs, without the job and what measuring it costs.
measurements decisions(nanoseconds length, nanoseconds time) {
  millrace::ComputePool pool{{.threads = 1}};
  millrace::AdaptiveState<> state;
  for (int i = 0; i < 64; ++i)
    state.policy.record({millrace::Place::pool, length, 10 * length + long_length, 1});
  auto& round = millrace::detail::loop_round<std::chrono::steady_clock>::of_this_thread();
  constexpr int batch = 1'000;
  const auto deadline = clock::now() + time;
  std::vector<double> samples;
  do {
    std::uint64_t here = 0;
    const auto started = clock::now();
    for (int i = 0; i < batch; ++i) {
      const auto decision = millrace::detail::decide(state, round, millrace::inline_permits(pool));
      here += decision.place == millrace::Place::pool ? 0 : 1;
    }
    samples.push_back(in_ns(clock::now() - started) / batch);
    if ((here != 0) != (length < long_length)) throw std::runtime_error("a wrong decision");
  } while (clock::now() < deadline);
  return {{"time", "ns", spread_of(samples).median}};
}

template <class Rival>
void add_rival(suite& all, const course& what, int workers) {
  all.add({what.problem, Rival::name, workers, in_flight, std::chrono::milliseconds(300),
           [&what, workers](nanoseconds time) { return run<Rival>(what, workers, time); }});
}

}  // namespace

void add_adaptive(suite& all) {
  for (const int workers : {1, 2}) {
    for (const course& what : courses()) {
      add_rival<always_inline>(all, what, workers);
      add_rival<always_offload>(all, what, workers);
      add_rival<adaptive>(all, what, workers);
    }
  }
  const auto add = [&](const char* name, nanoseconds length) {
    all.add({"adaptive_decision", name, 1, 1, std::chrono::milliseconds(20),
             [length](nanoseconds time) { return decisions(length, time); }});
  };
  add("here", short_length);
  add("pool", long_length);
}

}  // namespace bench
