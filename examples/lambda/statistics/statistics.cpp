#include "statistics/statistics.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "compute/stop.hpp"
#include "runtime/error.hpp"

namespace lambda::statistics {
namespace {

constexpr std::size_t terms = 1000;

using Sines = std::array<double, terms>;

// As the C library rounds them, which other languages use as well. A compiler that knows the
// argument rounds some of them otherwise, so it mustn't.
Sines compute_sines() {
  Sines sines{};
  for (std::size_t i = 0; i < terms; ++i) {
    volatile double radians = static_cast<double>(i);
    sines[i] = std::sin(radians);
  }
  return sines;
}

// sin(0), sin(1), ...: the same for every value of every point.
const Sines& sines() {
  static const Sines table = compute_sines();
  return table;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double squared_distances(std::span<const double> values, double from) {
  double sum = 0;
  for (const double value : values) sum += (value - from) * (value - from);
  return sum;
}

}  // namespace

std::string_view name(Algorithm algorithm) {
  return algorithm == Algorithm::standard ? "standard" : "advanced";
}

double compute_standard(std::span<const double> values) {
  return std::sqrt(squared_distances(values, mean_of(values)));
}

double compute_advanced(std::span<const double> values) {
  const auto& table = sines();
  double result = 0;
  for (const double value : values) {
    for (const double sine : table) result += value * sine;
  }
  return result;
}

std::string_view classify(double result) {
  if (result < 0) return "low";
  return result < 10 ? "medium" : "high";
}

Statistics compute_statistics(std::span<const double> results) {
  const double mean = mean_of(results);
  const double variance = squared_distances(results, mean) / static_cast<double>(results.size());
  return {results.size(), mean, std::sqrt(variance)};
}

Report compute(std::span<const std::vector<double>> points, Algorithm algorithm,
               const std::stop_token& stop) {
  Report report;
  report.results.resize(points.size());
  using Range = tbb::blocked_range<std::size_t>;
  // The results lie in the order of the points and are summed up in it, by one worker: cheap, and
  // the rounding is the same however the points were shared out.
  tbb::parallel_for(Range{0, points.size()}, [&](const Range& range) {
    for (std::size_t i = range.begin(); i < range.end(); ++i) {
      compute::throw_if_stopped(stop);
      report.results[i] = algorithm == Algorithm::standard ? compute_standard(points[i])
                                                           : compute_advanced(points[i]);
    }
  });
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (std::isfinite(report.results[i])) continue;
    throw HandlerError{"ResultOverflow", "data[" + std::to_string(i) +
                                             "].values are too large: their \"" +
                                             std::string{name(algorithm)} +
                                             "\" result is beyond the range of a number"};
  }
  report.statistics = compute_statistics(report.results);
  if (!std::isfinite(report.statistics.mean) || !std::isfinite(report.statistics.std_dev)) {
    throw HandlerError{"ResultOverflow",
                       "the results are too large: their mean or standard deviation is beyond the "
                       "range of a number"};
  }
  return report;
}

}  // namespace lambda::statistics
