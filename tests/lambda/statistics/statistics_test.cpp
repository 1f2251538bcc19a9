#include "statistics/statistics.hpp"

#include <asio/error.hpp>
#include <cmath>
#include <limits>
#include <millrace/compute_pool.hpp>
#include <random>
#include <string>
#include <system_error>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda::statistics;

namespace {

using Points = std::vector<std::vector<double>>;

Report compute_on(int workers, const Points& points, Algorithm algorithm,
                  const std::stop_token& stop = {}) {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = workers}};
  auto work = [&] { return compute(points, algorithm, stop); };
  return test::run(pool.install(std::move(work)));
}

std::string error_of(const Points& points, Algorithm algorithm) {
  return test::message_of<lambda::HandlerError>([&] { return compute(points, algorithm, {}); });
}

}  // namespace

TEST_CASE("statistics: the standard result is the root of the squared distances") {
  CHECK(compute_standard(std::vector{2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) == std::sqrt(32.0));
  CHECK(compute_standard(std::vector{-3.5}) == 0);
  CHECK(compute_standard(std::vector{1.0, 2.0}) == std::sqrt(0.5));
}

TEST_CASE("statistics: the advanced result is linear in sines of whole radians") {
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    volatile double radians = i;  // or the compiler computes the sines, more exactly
    sum += std::sin(radians);
  }
  CHECK(compute_advanced(std::vector{1.0}) == sum);
  CHECK(compute_advanced(std::vector{0.0, -0.0}) == 0);
  CHECK(compute_advanced(std::vector{-2.0}) == -2 * sum);
}

TEST_CASE("statistics: classes begin at 0 and at 10") {
  const double below_ten = std::nextafter(10.0, 0.0);
  CHECK(classify(-1e-300) == "low");
  CHECK(classify(-0.0) == "medium");
  CHECK(classify(0) == "medium");
  CHECK(classify(below_ten) == "medium");
  CHECK(classify(10) == "high");
}

TEST_CASE("statistics: the deviation is that of a population") {
  const auto statistics = compute_statistics(std::vector{2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0});
  CHECK(statistics.count == 8);
  CHECK(statistics.mean == 5);
  CHECK(statistics.std_dev == 2);
}

TEST_CASE("statistics: any number of workers gives the same bits") {
  std::mt19937_64 random{20};
  std::uniform_real_distribution<double> value{-1e6, 1e6};
  Points points(500);
  for (auto& point : points) {
    point.resize(1 + random() % 40);
    for (auto& v : point) v = value(random);
  }
  for (const auto algorithm : {Algorithm::standard, Algorithm::advanced}) {
    const auto one = compute_on(1, points, algorithm);
    for (const int workers : {2, 3, 6}) {
      const auto many = compute_on(workers, points, algorithm);
      CHECK(many.results == one.results);
      CHECK(many.statistics.mean == one.statistics.mean);
      CHECK(many.statistics.std_dev == one.statistics.std_dev);
    }
  }
}

TEST_CASE("statistics: what no number can hold is an error that names the first such point") {
  const double huge = std::numeric_limits<double>::max();
  CHECK(error_of({{1, 2}, {huge, huge}, {huge, huge}}, Algorithm::standard) ==
        "data[1].values are too large: their \"standard\" result is beyond the range of a number");
  CHECK(error_of({{1}, {2}, {huge}}, Algorithm::advanced) ==
        "data[2].values are too large: their \"advanced\" result is beyond the range of a number");
  CHECK(error_of({{0, 1e154}, {0, 0}}, Algorithm::standard) == "");
  // Each result is a number; the square of their distance isn't.
  CHECK(
      error_of({{1e307}, {-1e307}}, Algorithm::advanced).starts_with("the results are too large"));
}

TEST_CASE("statistics: a stop is seen before the next point") {
  std::stop_source source;
  source.request_stop();
  const Points points(10, {1.0});
  try {
    static_cast<void>(compute_on(2, points, Algorithm::standard, source.get_token()));
    FAIL("not stopped");
  } catch (const std::system_error& e) {
    CHECK(e.code() == asio::error::operation_aborted);
  }
}
