#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/parallel_sort.h>
#include <oneapi/tbb/task_arena.h>

#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#include <functional>
#include <millrace/patterns.hpp>
#include <stdexcept>
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

using numbers = std::vector<std::uint64_t>;

// A million elements, each a few nanoseconds of work: where a pattern's own work would show.
const numbers& elements() {
  static const numbers all = [] {
    numbers made(1'000'000);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = churn(i + 1, 3);
    return made;
  }();
  return all;
}

// Objects, not functions: called through a pointer, they would not be inlined. Without a loop of
// its own, which would take up to a quarter longer where the compiler puts it across a cache line.
constexpr auto step = [](std::uint64_t value) { return churn(value, 1); };
constexpr auto work = [](std::uint64_t value) { return step(step(step(step(value)))); };
constexpr auto add = [](std::uint64_t sum, std::uint64_t value) { return sum + work(value); };

std::uint64_t checked(const numbers& got) {
  return got.front() + 3 * got[got.size() / 2] + 5 * got.back();
}

/// By hand, as one writes it with oneTBB.
class raw_onetbb {
 public:
  static constexpr const char* name = "onetbb";

  explicit raw_onetbb(int workers)
      : limit_(oneapi::tbb::global_control::max_allowed_parallelism,
               static_cast<std::size_t>(workers) + 1),
        arena_(workers) {}

  std::uint64_t map() {
    return arena_.execute([] { return checked(mapped()); });
  }

  std::uint64_t reduce() {
    return arena_.execute([] {
      const numbers& in = elements();
      return oneapi::tbb::parallel_reduce(
          range(0, in.size()), std::uint64_t{0},
          [&](const range& part, std::uint64_t sum) {
            for (std::size_t i = part.begin(); i != part.end(); ++i) sum = add(sum, in[i]);
            return sum;
          },
          std::plus<>());
    });
  }

  std::uint64_t sort() {
    return arena_.execute([] {
      numbers all = mapped();
      oneapi::tbb::parallel_sort(all.begin(), all.end());
      return checked(all);
    });
  }

 private:
  using range = oneapi::tbb::blocked_range<std::size_t>;

  static numbers mapped() {
    const numbers& in = elements();
    numbers out(in.size());
    oneapi::tbb::parallel_for(range(0, in.size()), [&](const range& part) {
      for (std::size_t i = part.begin(); i != part.end(); ++i) out[i] = work(in[i]);
    });
    return out;
  }

  oneapi::tbb::global_control limit_;
  oneapi::tbb::task_arena arena_;
};

/// A coroutine that awaits the pattern, from start to end of the run() of a loop that is there all
/// the time, as a service's is.
class millrace_patterns {
 public:
  static constexpr const char* name = "millrace";

  explicit millrace_patterns(int workers) : rival_(workers) {}

  std::uint64_t map() {
    return await([](auto& pool) -> asio::awaitable<std::uint64_t> {
      co_return checked(co_await parallel_map(pool, elements(), work));
    });
  }

  std::uint64_t reduce() {
    return await([](auto& pool) -> asio::awaitable<std::uint64_t> {
      co_return co_await parallel_reduce(pool, elements(), std::uint64_t{0}, add, std::plus<>());
    });
  }

  std::uint64_t sort() {
    return await([](auto& pool) -> asio::awaitable<std::uint64_t> {
      numbers all = co_await parallel_map(pool, elements(), work);
      co_await parallel_sort(pool, all);
      co_return checked(all);
    });
  }

 private:
  template <class Body>
  std::uint64_t await(Body body) {
    std::uint64_t result = 0;
    asio::co_spawn(loop_.context, body(rival_.pool()),
                   [&](std::exception_ptr error, std::uint64_t got) {
                     rethrow(error);
                     result = got;
                   });
    loop_.context.restart();
    loop_.context.run();
    return result;
  }

  service_loop loop_;

  millrace_pool<millrace::ComputeMetrics> rival_;
};

template <class Rival>
measurements run(std::uint64_t (Rival::*pattern)(), int workers, nanoseconds time) {
  Rival rival(workers);
  const std::uint64_t expected = (rival.*pattern)();
  const auto deadline = clock::now() + time;
  std::vector<double> samples;
  do {
    const auto started = clock::now();
    if ((rival.*pattern)() != expected) throw std::runtime_error("a pattern gave another result");
    samples.push_back(in_us(clock::now() - started) / 1e3);
  } while (clock::now() < deadline);
  return {{"time", "ms", spread_of(samples).median}};
}

template <class Rival>
void add_rival(suite& all, const char* problem, std::uint64_t (Rival::*pattern)(), int workers) {
  all.add({problem, Rival::name, workers, 1, std::chrono::milliseconds(60),
           [=](nanoseconds time) { return run<Rival>(pattern, workers, time); }});
}

}  // namespace

void add_patterns(suite& all) {
  for (const int workers : {1, 2}) {
    add_rival(all, "parallel_map", &millrace_patterns::map, workers);
    add_rival(all, "parallel_map", &raw_onetbb::map, workers);
    add_rival(all, "map_reduce", &millrace_patterns::reduce, workers);
    add_rival(all, "map_reduce", &raw_onetbb::reduce, workers);
    add_rival(all, "parallel_sort", &millrace_patterns::sort, workers);
    add_rival(all, "parallel_sort", &raw_onetbb::sort, workers);
  }
}

}  // namespace bench
