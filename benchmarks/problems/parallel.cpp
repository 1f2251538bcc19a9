#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "problems/problems.hpp"
#include "support/churn.hpp"
#include "support/rivals.hpp"
#include "support/statistics.hpp"
#include "support/stream.hpp"

namespace bench {

namespace {

// Together about 10 ms of work for one thread.
constexpr std::size_t elements = 1 << 15;
constexpr std::uint64_t steps = 200;

using range = oneapi::tbb::blocked_range<std::size_t>;

constexpr int most_in_flight = 8;

/// `slot`: which of those in flight this is, as each writes into a room of its own.
std::uint64_t with_for(int slot) {
  static std::array<std::vector<std::uint64_t>, most_in_flight> outs = [] {
    std::array<std::vector<std::uint64_t>, most_in_flight> all;
    for (auto& one : all) one.resize(elements);
    return all;
  }();
  auto& out = outs[static_cast<std::size_t>(slot)];
  oneapi::tbb::parallel_for(range(0, elements), [&out](const range& part) {
    for (std::size_t i = part.begin(); i != part.end(); ++i) out[i] = churn(i, steps);
  });
  return out.front() + out[elements / 2] + out.back();
}

std::uint64_t with_reduce(int) {
  return oneapi::tbb::parallel_reduce(
      range(0, elements), std::uint64_t{0},
      [](const range& part, std::uint64_t sum) {
        for (std::size_t i = part.begin(); i != part.end(); ++i) sum += churn(i, steps);
        return sum;
      },
      std::plus<>());
}

using algorithm = std::uint64_t (*)(int slot);

/// What each of those in flight gave.
using results = std::array<std::uint64_t, most_in_flight>;

/// The thread that asks and the workers, `workers` threads together, as oneTBB has it.
class raw_onetbb {
 public:
  static constexpr const char* name = "onetbb";

  explicit raw_onetbb(int workers)
      : limit_(oneapi::tbb::global_control::max_allowed_parallelism,
               static_cast<std::size_t>(workers) + 1),
        arena_(workers) {}

  void operator()(algorithm f, int in_flight, results& got) {
    arena_.execute([&] {
      if (in_flight == 1) {
        got[0] = f(0);
        return;
      }
      oneapi::tbb::task_group group;
      for (int slot = 0; slot < in_flight; ++slot)
        group.run([&got, f, slot] { got[static_cast<std::size_t>(slot)] = f(slot); });
      group.wait();
    });
  }

 private:
  oneapi::tbb::global_control limit_;
  oneapi::tbb::task_arena arena_;
};

/// Coroutines that await `install`, from start to end of their loop's run().
class millrace_install {
 public:
  static constexpr const char* name = "millrace";

  explicit millrace_install(int workers) : rival_(workers) {}

  void operator()(algorithm f, int in_flight, results& got) {
    service_loop loop;
    for (int slot = 0; slot < in_flight; ++slot)
      asio::co_spawn(loop.context, install(f, slot, got[static_cast<std::size_t>(slot)]), rethrow);
    loop.context.run();
  }

 private:
  asio::awaitable<void> install(algorithm f, int slot, std::uint64_t& result) {
    result = co_await rival_.pool().install([f, slot] { return f(slot); }, asio::use_awaitable);
  }

  millrace_pool<millrace::ComputeMetrics> rival_;
};

template <class Rival>
measurements run(algorithm f, int workers, int in_flight, nanoseconds time) {
  Rival rival(workers);
  results alone{};
  rival(f, 1, alone);
  const std::uint64_t expected = alone[0];
  const auto once = [&] {
    results got{};
    const auto started = clock::now();
    rival(f, in_flight, got);
    const double took = in_us(clock::now() - started) / 1e3;
    for (int slot = 0; slot < in_flight; ++slot)
      if (got[static_cast<std::size_t>(slot)] != expected)
        throw std::runtime_error("an algorithm gave another result");
    return took / in_flight;
  };
  static_cast<void>(once());
  const auto deadline = clock::now() + time;
  std::vector<double> samples;
  do samples.push_back(once());
  while (clock::now() < deadline);
  return {{"time", "ms", spread_of(samples).median}};
}

}  // namespace

void add_parallel(suite& all) {
  const auto add = [&]<class Rival>(std::type_identity<Rival>, const char* problem, algorithm f,
                                    int workers, int in_flight) {
    all.add({problem, Rival::name, workers, in_flight, std::chrono::milliseconds(60 * in_flight),
             [=](nanoseconds time) { return run<Rival>(f, workers, in_flight, time); }});
  };
  for (const int workers : {1, 2})
    for (const auto& [problem, f] :
         {std::pair("parallel_for", &with_for), std::pair("parallel_reduce", &with_reduce)})
      for (const int in_flight : {1, most_in_flight}) {
        add(std::type_identity<millrace_install>(), problem, f, workers, in_flight);
        add(std::type_identity<raw_onetbb>(), problem, f, workers, in_flight);
      }
}

}  // namespace bench
