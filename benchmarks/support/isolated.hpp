#pragma once

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <stdexcept>
#include <vector>

#include "support/clocks.hpp"
#include "support/statistics.hpp"
#include "support/suite.hpp"

// Jobs that come one by one, each after a pause in which the pool can fall asleep.
namespace bench {

/// One each 2 ms: pauses of 1 to 3 ms, the same for all rivals, in an order without rhythm.
[[nodiscard]] inline nanoseconds pause_before(int number) {
  return std::chrono::microseconds(1000 + (static_cast<unsigned>(number) * 2654435761U) % 2000);
}

/// Microseconds from the submission of each job to its first and to the coroutine's next line.
struct isolated_times {
  std::vector<double> start;
  std::vector<double> round_trip;

  void add(clock::time_point submitted, clock::time_point begun) {
    if (begun < submitted) throw std::runtime_error("a job began before it was submitted");
    start.push_back(in_us(begun - submitted));
    round_trip.push_back(in_us(clock::now() - submitted));
  }

  [[nodiscard]] measurements summary() {
    std::sort(start.begin(), start.end());
    std::sort(round_trip.begin(), round_trip.end());
    return {{"start p50", "us", quantile(start, 0.5)},
            {"start p99", "us", quantile(start, 0.99)},
            {"round trip p50", "us", quantile(round_trip, 0.5)}};
  }
};

/// `submit()` is awaited after each pause and gives the time at which its job began. `more(n)`
/// is asked after the pause before the n-th job, counted from 0.
template <class Submit, class More>
asio::awaitable<void> submit_isolated(Submit submit, More more, isolated_times& times) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int i = 0;; ++i) {
    timer.expires_after(pause_before(i));
    co_await timer.async_wait(asio::use_awaitable);
    if (!more(i)) co_return;
    const auto submitted = clock::now();
    times.add(submitted, co_await submit());
  }
}

}  // namespace bench
