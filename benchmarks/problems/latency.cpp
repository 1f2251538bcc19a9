#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#include <vector>

#include "problems/problems.hpp"
#include "support/contest.hpp"
#include "support/placement.hpp"
#include "support/statistics.hpp"

namespace bench {

namespace {

template <class Rival>
asio::awaitable<void> one_at_a_time(Rival& rival, for_time& all, std::vector<double>& samples) {
  while (!all.stopped()) {
    const std::uint64_t number = all.next();
    const auto started = clock::now();
    const std::uint64_t result =
        co_await rival.start([number]() noexcept { return number + 1; }, asio::use_awaitable);
    samples.push_back(in_us(clock::now() - started));
    all.finished(result);
  }
}

template <class Rival>
std::vector<double> samples_of(Rival& rival, nanoseconds time) {
  service_loop loop;
  for_time all(time);
  std::vector<double> samples;
  samples.reserve(1 << 18);
  asio::co_spawn(loop.context, one_at_a_time(rival, all, samples), rethrow);
  loop.context.run();
  all.check();
  return samples;
}

template <class Rival>
measurements run(int workers, nanoseconds time) {
  Rival rival(workers);
  static_cast<void>(samples_of(rival, time / 4));
  place_threads(workers);
  std::vector<double> samples = samples_of(rival, time);
  std::sort(samples.begin(), samples.end());
  return {{"p50", "us", quantile(samples, 0.5)}, {"p99", "us", quantile(samples, 0.99)}};
}

}  // namespace

void add_latency(suite& all) {
  for (const int workers : {1, 2})
    for_each_rival([&]<class Rival, style Style>(const char* name) {
      if constexpr (Style == style::coroutines)
        all.add({"latency", name, workers, 1, std::chrono::milliseconds(100),
                 [workers](nanoseconds time) { return run<Rival>(workers, time); }});
    });
}

}  // namespace bench
