#include "csv_transform/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace lambda::csv_transform {
namespace {

// Neumaier's sum: what each addition loses is added at the end.
class CompensatedSum {
 public:
  void add(double value) {
    const double next = sum_ + value;
    lost_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
    sum_ = next;
  }

  [[nodiscard]] double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

// As numpy interpolates, from the nearer side.
double quartile(std::span<const double> sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const auto above = std::min(below + 1, sorted.size() - 1);
  const double part = position - static_cast<double>(below);
  const double distance = sorted[above] - sorted[below];
  return part < 0.5 ? sorted[below] + distance * part : sorted[above] - distance * (1 - part);
}

double deviation(std::span<const double> values, double mean) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value - mean));
  if (largest == 0 || !std::isfinite(largest)) return largest;
  // A power of two changes no digit; it keeps the squares away from both ends of the range.
  const int exponent = std::ilogb(largest);
  CompensatedSum distances;
  CompensatedSum squares;
  for (const double value : values) {
    const double distance = std::scalbn(value - mean, -exponent);
    distances.add(distance);
    squares.add(distance * distance);
  }
  // The mean is rounded, which counts where the values lie close together far from zero: so far are
  // the distances from summing to nothing.
  const auto count = static_cast<double>(values.size());
  const double off = distances.value() / count;
  return std::scalbn(std::sqrt(std::max(0.0, squares.value() / count - off * off)), exponent);
}

}  // namespace

bool compute_statistics(std::span<const double> values, Statistics& statistics,
                        std::vector<double>& sorted, std::vector<double>& outliers) {
  CompensatedSum sum;
  for (const double value : values) sum.add(value);
  statistics.mean = sum.value() / static_cast<double>(values.size());
  statistics.std_dev = deviation(values, statistics.mean);

  sorted.assign(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto middle = sorted.size() / 2;
  statistics.median =
      sorted.size() % 2 != 0 ? sorted[middle] : std::midpoint(sorted[middle - 1], sorted[middle]);

  const double first = quartile(sorted, 0.25);
  const double third = quartile(sorted, 0.75);
  const double reach = 1.5 * (third - first);
  const double least = first - reach;
  const double most = third + reach;
  outliers.clear();
  for (const double value : values) {
    if (value < least || value > most) outliers.push_back(value);
  }
  return std::isfinite(statistics.mean) && std::isfinite(statistics.std_dev) &&
         std::isfinite(least) && std::isfinite(most);
}

}  // namespace lambda::csv_transform
