/// What is computed about the points: plain functions, the same bits on every machine.
#pragma once

#include <cstddef>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

namespace lambda::statistics {

enum class Algorithm { standard, advanced };

[[nodiscard]] std::string_view name(Algorithm algorithm);

/// The square root of the sum of the squared distances from the mean; not divided by anything.
/// Sums go from the first value to the last. Not a number for no values.
[[nodiscard]] double compute_standard(std::span<const double> values);

/// The sum of `v * sin(i)` (radians) over the values v and, for each, i from 0 to 999, in this
/// order.
[[nodiscard]] double compute_advanced(std::span<const double> values);

/// `low` below 0, `medium` below 10, `high`.
[[nodiscard]] std::string_view classify(double result);

struct Statistics {
  std::size_t count = 0;
  double mean = 0;
  double std_dev = 0;  ///< Of a population: divided by the count.
};

/// Not a number for no results.
[[nodiscard]] Statistics compute_statistics(std::span<const double> results);

struct Report {
  std::vector<double> results;  ///< By point.
  Statistics statistics;
};

/// The result of each point and the statistics over the results.
///
/// **Runs on**: the calling thread and, inside of `ComputePool::install`, the other workers; one
/// point is computed by one worker. The report doesn't depend on how many there are.
/// **Completes**: with finite numbers; throws HandlerError "ResultOverflow" that names the first
/// point whose result is none. **Cancellation**: between points; `asio::error::operation_aborted`.
[[nodiscard]] Report compute(std::span<const std::vector<double>> points, Algorithm algorithm,
                             const std::stop_token& stop);

}  // namespace lambda::statistics
