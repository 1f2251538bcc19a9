#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include "problems/problems.hpp"
#include "support/churn.hpp"
#include "support/contest.hpp"
#include "support/isolated.hpp"
#include "support/placement.hpp"

// Jobs that come now and then while somebody's `parallel_for` fills the machine: how long until
// each begins. Some rivals let them wait for the loop's end, so each loop ends by itself.
namespace bench {

namespace {

constexpr int pieces_of_a_region = 2'000;
constexpr std::chrono::microseconds piece_length(100);

/// The body of a loop: pieces of 100 us, each checked.
class piece {
 public:
  piece() : expected_(churn(1, steps())) {}

  void operator()() const {
    if (churn(1, steps()) != expected_) throw std::runtime_error("a piece gave a wrong result");
  }

 private:
  static std::uint64_t steps() {
    static const std::uint64_t steps = churn_steps(piece_length);
    return steps;
  }

  std::uint64_t expected_;
};

/// The region: 2,000 pieces, on the threads of whoever calls.
void run_region() {
  std::atomic<int> done{0};
  oneapi::tbb::parallel_for(0, pieces_of_a_region, [&, one = piece()](int) {
    one();
    done.fetch_add(1, std::memory_order_relaxed);
  });
  if (done != pieces_of_a_region) throw std::runtime_error("a piece was left out");
}

/// One `parallel_for` of another thread, in the default arena, that ends about `time` after its
/// begin: pieces that come later are empty.
void run_foreign_loop(nanoseconds time, std::latch& begun) {
  const auto end = clock::now() + time;
  const auto threads = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  std::atomic_flag first;
  oneapi::tbb::parallel_for(std::int64_t{0}, threads * (time / piece_length),
                            [&, one = piece()](std::int64_t) {
                              if (clock::now() >= end) return;
                              if (!first.test_and_set()) begun.count_down();
                              one();
                            });
}

template <class Rival>
asio::awaitable<void> one_job(Rival& rival, isolated_times& times) {
  const auto submitted = clock::now();
  times.add(submitted,
            co_await rival.start([]() noexcept { return clock::now(); }, asio::use_awaitable));
}

/// Submits a job each 2 ms while `more(number)`, whether the ones before have ended or not: else
/// one that waits for the loop's end would keep those away that would have waited too.
template <class Rival, class More>
asio::awaitable<void> submit_jobs(Rival& rival, More more, isolated_times& times) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  for (int i = 0;; ++i) {
    timer.expires_after(pause_before(i));
    co_await timer.async_wait(asio::use_awaitable);
    if (!more(i)) co_return;
    asio::co_spawn(executor, one_job(rival, times), rethrow);
  }
}

// A few jobs first, so that every rival has its threads before anybody else takes them.
template <class Rival>
void warm_up(Rival& rival) {
  asio::io_context context;
  isolated_times times;
  asio::co_spawn(context,
                 submit_jobs(rival, [](int number) { return number < 5; }, times), rethrow);
  context.run();
}

// Runs the loop, whatever else is on it, until somebody's loop has ended and so have all jobs.
template <class Rival>
measurements jobs_while(const std::atomic<bool>& filled, Rival& rival, asio::io_context& context) {
  isolated_times times;
  asio::co_spawn(context, submit_jobs(rival, [&](int) { return filled.load(); }, times), rethrow);
  context.run();
  return times.summary();
}

template <class Rival>
measurements run_foreign(int workers, nanoseconds time) {
  Rival rival(workers);
  warm_up(rival);
  place_threads(workers);
  std::atomic<bool> filled{true};
  std::latch begun(1);
  std::jthread foreign([&] {
    run_foreign_loop(time, begun);
    filled = false;
  });
  begun.wait();
  asio::io_context context;
  return jobs_while(filled, rival, context);
}

// Whoever has an arena of its own has the region there; `install` where there is one.
template <class Instrumentation>
auto start_region(millrace_pool<Instrumentation>& rival) {
  return rival.pool().install([] { run_region(); }, asio::use_awaitable);
}

asio::awaitable<void> start_region(naive_enqueue& rival) {
  static_cast<void>(co_await rival.start(
      [] {
        run_region();
        return true;
      },
      asio::use_awaitable));
}

template <class Rival>
asio::awaitable<void> own_regions(Rival& rival, nanoseconds time, std::atomic<bool>& filled) {
  const auto end = clock::now() + time;
  do co_await start_region(rival);
  while (clock::now() < end);
  filled = false;
}

template <class Rival>
measurements run_beside_a_region(int workers, nanoseconds time) {
  Rival rival(workers);
  warm_up(rival);
  place_threads(workers);
  std::atomic<bool> filled{true};
  std::jthread others;
  asio::io_context context;
  if constexpr (requires { start_region(rival); }) {
    asio::co_spawn(context, own_regions(rival, time, filled), rethrow);
  } else {
    others = std::jthread([&] {
      oneapi::tbb::task_arena arena(workers);
      const auto end = clock::now() + time;
      do arena.execute(run_region);
      while (clock::now() < end);
      filled = false;
    });
  }
  return jobs_while(filled, rival, context);
}

}  // namespace

void add_crowded(suite& all) {
  const std::chrono::milliseconds length(400);
  for (const int workers : {1, 2})
    for_each_rival([&]<class Rival, style Style>(const char* name) {
      if constexpr (Style == style::coroutines)
        all.add({"foreign", name, workers, 1, length,
                 [workers](nanoseconds time) { return run_foreign<Rival>(workers, time); }});
    });
  // With one worker the region's own job is all that may run.
  for_each_rival([&]<class Rival, style Style>(const char* name) {
    if constexpr (Style == style::coroutines)
      all.add({"beside_a_region", name, 2, 1, length,
               [](nanoseconds time) { return run_beside_a_region<Rival>(2, time); }});
  });
}

}  // namespace bench
