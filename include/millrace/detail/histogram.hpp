#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "millrace/metrics.hpp"

namespace millrace::detail {

// Log-linear buckets of nanoseconds, as in HdrHistogram: 8 per power of two, so a bucket is at
// most 1/8 of its lower bound wide. Values below 8 have a bucket each; the last bucket takes all
// from 2^40 ns (18 minutes) on.
struct histogram_scale {
  static constexpr int sub_bits = 3;
  static constexpr std::uint64_t subs = 1u << sub_bits;
  static constexpr int top_bit = 40;
  static constexpr std::size_t buckets = (top_bit - sub_bits + 1) * subs + 1;

  [[nodiscard]] static constexpr std::size_t bucket(std::uint64_t value) noexcept {
    if (value < subs) return value;
    if (value >= (std::uint64_t{1} << top_bit)) return buckets - 1;
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - sub_bits;
    return static_cast<std::size_t>(shift) * subs + (value >> shift);
  }

  // The largest value of a bucket.
  [[nodiscard]] static constexpr std::uint64_t upper(std::size_t bucket) noexcept {
    if (bucket < 2 * subs) return bucket;
    const std::size_t shift = bucket / subs - 1;
    return ((subs + bucket % subs + 1) << shift) - 1;
  }
};

// Whether a counter has one thread that writes it, and any number that read it, or several.
struct one_writer {};
struct many_writers {};

inline void add(std::atomic<std::uint64_t>& to, std::uint64_t value, std::memory_order order,
                one_writer) noexcept {
  to.store(to.load(std::memory_order_relaxed) + value, order);
}
inline void add(std::atomic<std::uint64_t>& to, std::uint64_t value, std::memory_order order,
                many_writers) noexcept {
  to.fetch_add(value, order);
}

class histogram {
 public:
  template <class Writers>
  void record(std::uint64_t nanoseconds, Writers writers) noexcept {
    add(counts_[histogram_scale::bucket(nanoseconds)], 1, std::memory_order_relaxed, writers);
    add(sum_, nanoseconds, std::memory_order_relaxed, writers);
    std::uint64_t max = max_.load(std::memory_order_relaxed);
    while (nanoseconds > max &&
           !max_.compare_exchange_weak(max, nanoseconds, std::memory_order_relaxed)) {
    }
  }

 private:
  friend class histogram_sum;
  std::array<std::atomic<std::uint64_t>, histogram_scale::buckets> counts_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

// Adds up the shards of a histogram and reads percentiles from the sum.
class histogram_sum {
 public:
  void add(const histogram& shard) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const std::uint64_t count = shard.counts_[i].load(std::memory_order_relaxed);
      counts_[i] += count;
      total_ += count;
    }
    sum_ += shard.sum_.load(std::memory_order_relaxed);
    const std::uint64_t max = shard.max_.load(std::memory_order_relaxed);
    if (max > max_) max_ = max;
  }

  [[nodiscard]] HistogramSnapshot snapshot() const noexcept {
    HistogramSnapshot all{.count = total_,
                          .sum = std::chrono::nanoseconds(sum_),
                          .p50 = percentile(500),
                          .p90 = percentile(900),
                          .p99 = percentile(990),
                          .p999 = percentile(999),
                          .max = std::chrono::nanoseconds(max_)};
    // A bucket never reaches over a power of two.
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      all.by_bits[static_cast<std::size_t>(std::bit_width(histogram_scale::upper(i)))] +=
          counts_[i];
    }
    return all;
  }

 private:
  // Nearest rank: the smallest bucket with at least that share of the values up to and including
  // it.
  [[nodiscard]] std::chrono::nanoseconds percentile(std::uint64_t per_mille) const noexcept {
    const std::uint64_t rank =
        total_ / 1000 * per_mille + (total_ % 1000 * per_mille + 999) / 1000;  // rounded up
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= rank && seen > 0) {
        // The last bucket has no upper end of its own, and no value exceeds the largest.
        const bool last = i + 1 == counts_.size();
        const std::uint64_t upper = histogram_scale::upper(i);
        return std::chrono::nanoseconds(last || upper > max_ ? max_ : upper);
      }
    }
    return {};
  }

  std::array<std::uint64_t, histogram_scale::buckets> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace millrace::detail
