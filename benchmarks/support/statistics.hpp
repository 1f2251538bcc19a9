#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <vector>

namespace bench {

/// The value below which a share `p` of `sorted` lies, interpolated as numpy and R (type 7) do.
[[nodiscard]] inline double quantile(const std::vector<double>& sorted, double p) {
  if (sorted.empty()) throw std::runtime_error("no samples");
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - static_cast<double>(below));
}

struct spread {
  double min, q1, median, q3, max;
};

[[nodiscard]] inline spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {quantile(values, 0), quantile(values, 0.25), quantile(values, 0.5),
          quantile(values, 0.75), quantile(values, 1)};
}

}  // namespace bench
