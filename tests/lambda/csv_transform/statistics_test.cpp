#include "csv_transform/statistics.hpp"

#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace lambda::csv_transform;

namespace {

using Values = std::vector<double>;

struct Result {
  bool fits = false;
  Statistics statistics;
  Values outliers;
};

Result of(const Values& values) {
  Result result;
  Values sorted;
  result.fits = compute_statistics(values, result.statistics, sorted, result.outliers);
  return result;
}

}  // namespace

TEST_CASE("statistics: one value") {
  const auto result = of({7.5});
  CHECK(result.fits);
  CHECK(result.statistics.mean == 7.5);
  CHECK(result.statistics.median == 7.5);
  CHECK(result.statistics.std_dev == 0);
  CHECK(result.outliers.empty());
}

TEST_CASE("statistics: of the population") {
  const auto result = of({2, 4, 4, 4, 5, 5, 7, 9});
  CHECK(result.statistics.mean == 5);
  CHECK(result.statistics.median == 4.5);
  CHECK(result.statistics.std_dev == 2);
}

TEST_CASE("statistics: outliers are beyond the fences and in the order of the values") {
  // Sorted 0 0 1 2 3 100: positions 1.25 and 3.75, so Q1 0.25, Q3 2.75, fences -3.5 and 6.5.
  CHECK(of({100, 1, 0, 3, 2, 0}).outliers == Values{100});
  // Q1 1, Q3 3, fences -2 and 6: a value on the fence is none.
  CHECK(of({1, 1, 2, 3, 6}).outliers.empty());
  CHECK(of({1, 1, 2, 3, 6.001}).outliers == Values{6.001});
  CHECK(of({1, 3, 2, 3, -2}).outliers.empty());
  CHECK(of({1, 3, 2, 3, -2.001}).outliers == Values{-2.001});
  // Interpolated from the other side, the quartiles would round so that 0.1 is one.
  CHECK(of({0.6, 0.4, 0.1, 0.38}).outliers.empty());
  CHECK(of({50, 0, 0, -40, 0, 0, 0, 0, 50}).outliers == Values{50, -40, 50});
}

TEST_CASE("statistics: sums lose nothing that matters") {
  Values values(10'000, 0.1);
  CHECK(of(values).statistics.mean == 0.1);
  CHECK(of({1e16, 1, -1e16, 1}).statistics.mean == 0.5);
  CHECK(of({1e9 + 0.25, 1e9 - 0.25}).statistics.std_dev == 0.25);
  // The mean of these isn't a double; 2^-24 is a quarter of the distance between doubles there.
  CHECK(of({1e9, 1e9 + 0x1p-23}).statistics.std_dev == 0x1p-24);
  CHECK(of({1e200, -1e200}).statistics.std_dev == 1e200);
  CHECK(of({1e-200, -1e-200}).statistics.std_dev == 1e-200);
}

TEST_CASE("statistics: what is too large is told") {
  constexpr double most = std::numeric_limits<double>::max();
  CHECK_FALSE(of({most, most}).fits);
  CHECK_FALSE(of({most, -most, most, -most}).fits);
  CHECK(of({most}).fits);
  CHECK(of({most / 8, most / 8}).fits);
}
