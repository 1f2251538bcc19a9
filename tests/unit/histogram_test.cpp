#include "millrace/detail/histogram.hpp"

#include <cstdint>
#include <limits>
#include <memory>

#include "support/catch.hpp"

using millrace::detail::histogram;
using millrace::detail::histogram_scale;
using millrace::detail::histogram_sum;

namespace {

millrace::HistogramSnapshot snapshot(const histogram& one) {
  histogram_sum sum;
  sum.add(one);
  return sum.snapshot();
}

}  // namespace

TEST_CASE("every value lies in its bucket, at most an eighth below the bucket's upper end") {
  for (std::uint64_t value = 0; value < (std::uint64_t{1} << 40); value += 1 + value / 50) {
    const std::size_t bucket = histogram_scale::bucket(value);
    CAPTURE(value, bucket);
    REQUIRE(bucket < histogram_scale::buckets - 1);
    REQUIRE(value <= histogram_scale::upper(bucket));
    REQUIRE(histogram_scale::upper(bucket) - value <= value / 8);
    if (bucket > 0) REQUIRE(value > histogram_scale::upper(bucket - 1));
  }
}

TEST_CASE("values beyond the scale fall into the last bucket") {
  CHECK(histogram_scale::bucket(std::uint64_t{1} << 40) == histogram_scale::buckets - 1);
  CHECK(histogram_scale::bucket(std::numeric_limits<std::uint64_t>::max()) ==
        histogram_scale::buckets - 1);
  histogram times;
  times.record(std::uint64_t{1} << 50, millrace::detail::one_writer());
  CHECK(snapshot(times).p50.count() == std::int64_t{1} << 50);
}

TEST_CASE("an empty histogram is all zero") {
  const auto empty = snapshot(histogram());
  CHECK(empty.count == 0);
  CHECK(empty.p999.count() == 0);
  CHECK(empty.max.count() == 0);
}

TEST_CASE("percentiles are nearest ranks, exact below 16 ns") {
  histogram times;
  for (std::uint64_t value = 1; value <= 10; ++value)
    times.record(value, millrace::detail::one_writer());
  const auto all = snapshot(times);
  CHECK(all.count == 10);
  CHECK(all.p50.count() == 5);
  CHECK(all.p90.count() == 9);
  CHECK(all.p99.count() == 10);
  CHECK(all.max.count() == 10);
}

TEST_CASE("a percentile is never above the largest value") {
  histogram times;
  times.record(1'000'003, millrace::detail::one_writer());
  const auto all = snapshot(times);
  CHECK(all.p50.count() == 1'000'003);
  CHECK(all.max.count() == 1'000'003);
}

TEST_CASE("shards add up") {
  const auto a = std::make_unique<histogram>();
  const auto b = std::make_unique<histogram>();
  for (int i = 0; i < 99; ++i) a->record(10, millrace::detail::one_writer());
  b->record(1000, millrace::detail::one_writer());
  histogram_sum sum;
  sum.add(*a);
  sum.add(*b);
  const auto all = sum.snapshot();
  CHECK(all.count == 100);
  CHECK(all.p50.count() == 10);
  CHECK(all.p99.count() == 10);
  CHECK(all.p999.count() == 1000);
}

TEST_CASE("the sum is exact and each value is counted by its number of binary digits") {
  const auto a = std::make_unique<histogram>();
  const auto b = std::make_unique<histogram>();
  for (const std::uint64_t value : {0u, 1u, 2u, 3u, 1023u, 1024u, 1025u}) {
    a->record(value, millrace::detail::one_writer());
  }
  b->record(1023, millrace::detail::many_writers());
  const std::uint64_t huge = std::uint64_t{1} << 50;
  b->record(huge, millrace::detail::many_writers());
  histogram_sum sum;
  sum.add(*a);
  sum.add(*b);
  const auto all = sum.snapshot();
  CHECK(all.sum.count() == static_cast<std::int64_t>(6 + 3 * 1024 + 1023 + huge));
  std::uint64_t total = 0;
  for (const std::uint64_t count : all.by_bits) total += count;
  CHECK(total == all.count);
  CHECK(all.by_bits[0] == 1);
  CHECK(all.by_bits[1] == 1);
  CHECK(all.by_bits[2] == 2);
  CHECK(all.by_bits[10] == 2);
  CHECK(all.by_bits[11] == 2);
  CHECK(all.by_bits.back() == 1);
}
