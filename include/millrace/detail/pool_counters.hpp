#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/detail/counters.hpp"
#include "millrace/metrics.hpp"

namespace millrace::detail {

class pool_counters;

// What a job counts for: its pool, and its label if it has one.
struct counted_group {
  pool_counters& pool;
  std::string label;
  std::unique_ptr<job_counters> counters;  // of the label
};

// Keeps the counters of a pool. One pointer, because each job has one: a handler may run after the
// pool has gone, and has yet to note how long it took to get there.
class counters_share {
 public:
  counters_share() noexcept = default;
  explicit counters_share(counted_group& group) noexcept;
  counters_share(const counters_share& other) noexcept;
  counters_share(counters_share&& other) noexcept : group_(std::exchange(other.group_, nullptr)) {}
  counters_share& operator=(counters_share other) noexcept {
    std::swap(group_, other.group_);
    return *this;
  }
  ~counters_share() {
    if (group_ != nullptr) give_back();
  }

  explicit operator bool() const noexcept { return group_ != nullptr; }
  [[nodiscard]] counted_group* group() const noexcept { return group_; }

  // None: null.
  [[nodiscard]] job_counters* label() const noexcept {
    return group_ != nullptr ? group_->counters.get() : nullptr;
  }

 private:
  void give_back() noexcept;

  counted_group* group_ = nullptr;
};

// The counters of all jobs of a pool, and a set for each label that they have had.
class pool_counters {
 public:
  [[nodiscard]] static counters_share make() {
    return counters_share(std::make_unique<pool_counters>().release()->unlabelled_);
  }

  job_counters all;

  // Throws std::bad_alloc for a label that is new.
  [[nodiscard]] counters_share of(std::string_view label) {
    const std::lock_guard lock(mutex_);
    for (const auto& each : labels_) {
      if (each->label == label) return counters_share(*each);
    }
    labels_.push_back(std::make_unique<counted_group>(
        counted_group{*this, std::string(label), std::make_unique<job_counters>()}));
    return counters_share(*labels_.back());
  }

  [[nodiscard]] MetricsSnapshot snapshot() const {
    MetricsSnapshot now;
    static_cast<JobMetrics&>(now) = all.snapshot();
    const std::lock_guard lock(mutex_);
    for (const auto& each : labels_) {
      now.by_label.push_back({each->counters->snapshot(), each->label});
    }
    return now;
  }

 private:
  friend class counters_share;

  counted_group unlabelled_{*this, {}, {}};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<counted_group>> labels_;  // a handful
  // On a line of its own: the threads of the loops write it, workers read what is around it.
  alignas(64) std::atomic<std::uint64_t> shares_{0};
};

inline counters_share::counters_share(counted_group& group) noexcept : group_(&group) {
  group.pool.shares_.fetch_add(1, std::memory_order_relaxed);
}
inline counters_share::counters_share(const counters_share& other) noexcept : group_(other.group_) {
  if (group_ != nullptr) group_->pool.shares_.fetch_add(1, std::memory_order_relaxed);
}
// The last one sees what all others have done.
inline void counters_share::give_back() noexcept {
  pool_counters& pool = group_->pool;
  if (pool.shares_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::unique_ptr<pool_counters> last(&pool);
}

}  // namespace millrace::detail
