#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/clocks.hpp"

namespace bench {

/// When jobs arrive, counted from the begin: a Poisson process of `per_second`, over `time`. The
/// same numbers for all rivals, in Rust too, so written out here: splitmix64, and the exponential
/// distribution by inversion.
[[nodiscard]] inline std::vector<nanoseconds> poisson_arrivals(double per_second,
                                                               nanoseconds time) {
  std::uint64_t state = 20'240'229;
  const auto random = [&state] {
    std::uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  };
  std::vector<nanoseconds> arrivals;
  for (double at = 0;;) {
    at -= std::log1p(-random()) * 1e9 / per_second;
    if (at >= in_ns(time)) return arrivals;
    arrivals.emplace_back(static_cast<std::int64_t>(at));
  }
}

}  // namespace bench
