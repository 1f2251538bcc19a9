#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/task_arena.h>

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

std::uint64_t with_for() {
  static std::vector<std::uint64_t> out(elements);
  oneapi::tbb::parallel_for(range(0, elements), [](const range& part) {
    for (std::size_t i = part.begin(); i != part.end(); ++i) out[i] = churn(i, steps);
  });
  return out.front() + out[elements / 2] + out.back();
}

std::uint64_t with_reduce() {
  return oneapi::tbb::parallel_reduce(
      range(0, elements), std::uint64_t{0},
      [](const range& part, std::uint64_t sum) {
        for (std::size_t i = part.begin(); i != part.end(); ++i) sum += churn(i, steps);
        return sum;
      },
      std::plus<>());
}

using algorithm = std::uint64_t (*)();

/// The thread that asks and the workers, `workers` threads together, as oneTBB has it.
class raw_onetbb {
 public:
  static constexpr const char* name = "onetbb";

  explicit raw_onetbb(int workers)
      : limit_(oneapi::tbb::global_control::max_allowed_parallelism,
               static_cast<std::size_t>(workers) + 1),
        arena_(workers) {}

  std::uint64_t operator()(algorithm f) { return arena_.execute(f); }

 private:
  oneapi::tbb::global_control limit_;
  oneapi::tbb::task_arena arena_;
};

/// A coroutine that awaits `install`, from start to end of its loop's run().
class millrace_install {
 public:
  static constexpr const char* name = "millrace";

  explicit millrace_install(int workers) : rival_(workers) {}

  std::uint64_t operator()(algorithm f) {
    service_loop loop;
    std::uint64_t result = 0;
    asio::co_spawn(loop.context, install(f, result), rethrow);
    loop.context.run();
    return result;
  }

 private:
  asio::awaitable<void> install(algorithm f, std::uint64_t& result) {
    result = co_await rival_.pool().install(f, asio::use_awaitable);
  }

  millrace_pool<millrace::ComputeMetrics> rival_;
};

template <class Rival>
measurements run(algorithm f, int workers, nanoseconds time) {
  Rival rival(workers);
  const std::uint64_t expected = rival(f);
  const auto deadline = clock::now() + time;
  std::vector<double> samples;
  do {
    const auto started = clock::now();
    if (rival(f) != expected) throw std::runtime_error("an algorithm gave another result");
    samples.push_back(in_us(clock::now() - started) / 1e3);
  } while (clock::now() < deadline);
  return {{"time", "ms", spread_of(samples).median}};
}

}  // namespace

void add_parallel(suite& all) {
  const auto add = [&]<class Rival>(std::type_identity<Rival>, const char* problem, algorithm f,
                                    int workers) {
    all.add({problem, Rival::name, workers, 1, std::chrono::milliseconds(60),
             [=](nanoseconds time) { return run<Rival>(f, workers, time); }});
  };
  for (const int workers : {1, 2})
    for (const auto& [problem, f] :
         {std::pair("parallel_for", &with_for), std::pair("parallel_reduce", &with_reduce)}) {
      add(std::type_identity<millrace_install>(), problem, f, workers);
      add(std::type_identity<raw_onetbb>(), problem, f, workers);
    }
}

}  // namespace bench
