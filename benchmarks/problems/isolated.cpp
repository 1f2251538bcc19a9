#include <oneapi/tbb/parallel_for.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <stdexcept>
#include <type_traits>

#include "problems/problems.hpp"
#include "support/churn.hpp"
#include "support/contest.hpp"
#include "support/isolated.hpp"
#include "support/placement.hpp"

namespace bench {

namespace {

/// The loop and its timer without any job, to tell their share of the CPU time.
struct no_job {
  explicit no_job(int) {}

  template <class F>
  asio::awaitable<clock::time_point> start(F, asio::use_awaitable_t<>) {
    co_return clock::now();
  }
};

/// `parallel_for` in `install`, where a rival without one has it in its plain job.
class millrace_install {
 public:
  explicit millrace_install(int workers) : rival_(workers) {}

  template <class F, class Token>
  auto start(F f, Token&& token) {
    return rival_.pool().install(std::move(f), std::forward<Token>(token));
  }

 private:
  millrace_pool<millrace::ComputeMetrics> rival_;
};

constexpr std::size_t pieces = 16;
constexpr std::chrono::microseconds piece_length(10);

std::uint64_t steps_of_a_piece() {
  static const std::uint64_t steps = churn_steps(piece_length);
  return steps;
}

struct empty_job {
  clock::time_point operator()() const noexcept { return clock::now(); }
};

struct nested_job {
  std::uint64_t steps;
  std::uint64_t expected;  ///< of the first piece

  clock::time_point operator()() const {
    const auto begun = clock::now();
    std::array<std::uint64_t, pieces> results{};
    oneapi::tbb::parallel_for(std::size_t{0}, pieces,
                              [&](std::size_t i) { results[i] = churn(i + 1, steps); });
    for (const auto& one : results)
      if (one == 0) throw std::runtime_error("a piece was left out");
    if (results.front() != expected) throw std::runtime_error("a piece gave a wrong result");
    return begun;
  }
};

template <class Rival, class Job>
isolated_times times_of(Rival& rival, Job job, int jobs) {
  asio::io_context context;
  isolated_times times;
  asio::co_spawn(context,
                 submit_isolated([&] { return rival.start(job, asio::use_awaitable); },
                                 [jobs](int number) { return number < jobs; }, times),
                 rethrow);
  context.run();
  if (times.start.size() != static_cast<std::size_t>(jobs))
    throw std::runtime_error("a job never began");
  return times;
}

template <class Rival, class Job>
measurements run(int workers, Job job, nanoseconds time) {
  Rival rival(workers);
  const int jobs = std::max(10, static_cast<int>(time / std::chrono::milliseconds(2)));
  static_cast<void>(times_of(rival, job, 5));
  place_threads(workers);
  const auto cpu = process_cpu();
  isolated_times times = times_of(rival, job, jobs);
  measurements all{{"CPU per job", "us", in_us(process_cpu() - cpu) / jobs}};
  if constexpr (!std::is_same_v<Rival, no_job>)
    for (auto& one : times.summary()) all.push_back(std::move(one));
  return all;
}

template <class Rival>
measurements run_nested(int workers, nanoseconds time) {
  const std::uint64_t steps = steps_of_a_piece();
  return run<Rival>(workers, nested_job{steps, churn(1, steps)}, time);
}

}  // namespace

void add_isolated(suite& all) {
  const std::chrono::milliseconds length(400);
  for (const int workers : {1, 2, 3}) {
    for_each_rival([&]<class Rival, style Style>(const char* name) {
      if constexpr (Style == style::coroutines)
        all.add({"isolated", name, workers, 1, length,
                 [workers](nanoseconds time) { return run<Rival>(workers, empty_job(), time); }});
    });
    if (workers == 1)
      all.add({"isolated", "no_job", workers, 1, length,
               [workers](nanoseconds time) { return run<no_job>(workers, empty_job(), time); }});
  }

  for (const int workers : {1, 2, 3}) {
    all.add({"isolated_nested", "millrace-install", workers, 1, length,
             [workers](nanoseconds time) { return run_nested<millrace_install>(workers, time); }});
    for_each_rival([&]<class Rival, style Style>(const char* name) {
      if constexpr (Style == style::coroutines)
        all.add({"isolated_nested", name, workers, 1, length,
                 [workers](nanoseconds time) { return run_nested<Rival>(workers, time); }});
    });
  }
}

}  // namespace bench
