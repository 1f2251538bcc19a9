/// Statistics of one row.
#pragma once

#include <span>
#include <vector>

namespace lambda::csv_transform {

struct Statistics {
  double mean = 0;
  double median = 0;
  double std_dev = 0;  ///< Of the population: divided by n, not by n - 1.
};

/// Statistics of at least one finite value; `outliers` is overwritten with the outliers in the
/// order of the values, `sorted` with the values in ascending order.
///
/// The mean is the sum over n, the standard deviation the root of the mean square distance from the
/// mean, both sums compensated (Neumaier), so that they are right to a few units in the last place
/// however many values there are. The median of an even number is halfway between the middle two.
///
/// An outlier is less than Q1 - 1.5 (Q3 - Q1) or greater than Q3 + 1.5 (Q3 - Q1). A quartile is
/// between the sorted values around position q (n - 1), counted from 0, interpolated linearly: what
/// numpy calls "linear" and takes by default.
///
/// False if something in it is too large for a double. **Thread safety**: any thread, with vectors
/// of its own; given again, they spare the allocation.
[[nodiscard]] bool compute_statistics(std::span<const double> values, Statistics& statistics,
                                      std::vector<double>& sorted, std::vector<double>& outliers);

}  // namespace lambda::csv_transform
