#pragma once

#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <vector>

#include "support/clocks.hpp"

namespace bench {

/// A timer every millisecond: how late it was, in microseconds. Ticks that are past when their turn
/// comes are left out.
inline asio::awaitable<void> tick(nanoseconds time, std::vector<double>& late, bool& stop) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  constexpr std::chrono::milliseconds period(1);
  const auto end = clock::now() + time;
  auto due = clock::now() + period;
  while (due < end) {
    timer.expires_at(due);
    co_await timer.async_wait(asio::use_awaitable);
    const auto now = clock::now();
    late.push_back(in_us(now - due));
    due += period * ((now - due) / period + 1);
  }
  stop = true;
}

}  // namespace bench
