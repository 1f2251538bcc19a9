#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cstdint>
#include <limits>
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

/// Which jobs come one after the other, again and again.
struct course {
  const char* problem;
  int shorts;  ///< in a row
  int longs;   ///< after them, in a row
  bool one_kind;
};
constexpr std::array<course, 4> courses{{
    {"adaptive_short", 1'000, 0, true},
    {"adaptive_long", 0, 10, true},
    {"adaptive_mixed", 100, 2, false},
    {"adaptive_drifting", 20'000, 20, true},
}};

template <class Rival>
struct stream_of_jobs {
  const course& what;
  millrace::ComputePool<>& pool;
  std::array<Rival, 2> kinds;
  std::uint64_t short_steps;
  std::uint64_t long_steps;
  std::uint64_t short_result = churn(1, short_steps);
  std::uint64_t long_result = churn(1, long_steps);
  clock::time_point deadline;
  int next = 0;
  std::uint64_t started = 0;
  bool stopped = false;

  // True: a long one. Ends after a whole course, so that all rivals do the same work.
  bool take() {
    const bool is_long = next >= what.shorts;
    ++started;
    if (++next == what.shorts + what.longs) {
      next = 0;
      stopped = clock::now() >= deadline;
    }
    return is_long;
  }

  asio::awaitable<void> work() {
    while (!stopped) {
      const bool is_long = take();
      Rival& kind = kinds[is_long && !what.one_kind ? 1 : 0];
      const job f{is_long ? long_steps : short_steps};
      const std::uint64_t got = co_await kind.start(pool, f);
      if (got != (is_long ? long_result : short_result))
        throw std::runtime_error("a job gave a wrong result");
    }
  }
};

template <class Rival>
measurements run(const course& what, int workers, nanoseconds time) {
  static const std::uint64_t short_steps = churn_steps(short_length);
  static const std::uint64_t long_steps = churn_steps(long_length);
  millrace::ComputePool pool{{.threads = workers}};
  asio::io_context context;
  const auto started = clock::now();
  stream_of_jobs<Rival> jobs{.what = what,
                             .pool = pool,
                             .kinds = {},
                             .short_steps = short_steps,
                             .long_steps = long_steps,
                             .deadline = started + time};
  std::vector<double> late;
  bool stop = false;
  asio::co_spawn(context, tick(time, late, stop), rethrow);
  for (int i = 0; i < in_flight; ++i) asio::co_spawn(context, jobs.work(), rethrow);
  context.run();
  const double passed = in_ns(clock::now() - started);
  std::sort(late.begin(), late.end());
  return {{"time per job", "ns", passed / static_cast<double>(jobs.started)},
          {"late p50", "us", quantile(late, 0.5)},
          {"late p99", "us", quantile(late, 0.99)}};
}

// What it costs to decide where a job runs, without the job and what measuring it costs.
measurements decisions(nanoseconds length, nanoseconds time) {
  millrace::ComputePool pool{{.threads = 1}};
  millrace::AdaptiveState<> state;
  for (int i = 0; i < 64; ++i)
    state.policy.record({millrace::Place::pool, length, 10 * length + long_length, 1});
  constexpr int batch = 1'000;
  const auto deadline = clock::now() + time;
  std::vector<double> samples;
  do {
    std::uint64_t here = 0;
    const auto started = clock::now();
    for (int i = 0; i < batch; ++i) {
      const auto decision = millrace::detail::decide(state, millrace::inline_permits(pool));
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
    for (const course& what : courses) {
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
