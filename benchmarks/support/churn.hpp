#pragma once

#include <algorithm>
#include <cstdint>

#include "support/clocks.hpp"

namespace bench {

/// Work that can't be left out or done ahead: each step needs the one before.
[[nodiscard]] inline std::uint64_t churn(std::uint64_t value, std::uint64_t steps) noexcept {
  for (; steps != 0; --steps) {
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9U;
    value ^= value >> 27;
  }
  return value;
}

/// How many steps take about `time` on this machine.
[[nodiscard]] inline std::uint64_t churn_steps(nanoseconds time) {
  constexpr std::uint64_t probe = 1'000'000;
  double best = 1e18;
  volatile std::uint64_t keep = 1;
  for (int i = 0; i < 5; ++i) {
    const auto started = clock::now();
    keep = churn(keep, probe);
    best = std::min(best, in_ns(clock::now() - started));
  }
  return static_cast<std::uint64_t>(in_ns(time) / best * static_cast<double>(probe));
}

}  // namespace bench
