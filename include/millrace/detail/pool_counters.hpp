#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/detail/counters.hpp"
#include "millrace/detail/owned.hpp"
#include "millrace/metrics.hpp"

namespace millrace::detail {

class pool_counters;

// What a job counts for: its pool, and its label if it has one.
struct counted_group {
  pool_counters& pool;
  std::string label = {};
  job_counters* counters = nullptr;  // of the label
};

// Those of a label. A list of them by hand: every file that includes Millrace would pay for a
// std::vector and its std::unique_ptrs.
struct label_group : counted_group {
  explicit label_group(pool_counters& of, std::string_view name)
      : counted_group{of, std::string(name), &own} {}

  owned<label_group> next;
  job_counters own;
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
    return group_ != nullptr ? group_->counters : nullptr;
  }

 private:
  void give_back() noexcept;

  counted_group* group_ = nullptr;
};

// The counters of all jobs of a pool, and a set for each label that they have had.
class pool_counters {
 public:
  [[nodiscard]] static counters_share make() {
    return counters_share(owned<pool_counters>(new pool_counters).release()->unlabelled_);
  }

  ~pool_counters() = default;
  pool_counters(const pool_counters&) = delete;
  pool_counters& operator=(const pool_counters&) = delete;

  job_counters all;

  // Throws std::bad_alloc for a label that is new.
  [[nodiscard]] counters_share of(std::string_view label) {
    const std::lock_guard lock(mutex_);
    owned<label_group>* end = &first_;
    for (; *end; end = &(*end)->next) {
      if ((*end)->label == label) return counters_share(**end);
    }
    *end = owned<label_group>(new label_group(*this, label));
    return counters_share(**end);
  }

  [[nodiscard]] MetricsSnapshot snapshot() const {
    MetricsSnapshot now;
    static_cast<JobMetrics&>(now) = all.snapshot();
    const std::lock_guard lock(mutex_);
    for (const label_group* each = first_.get(); each != nullptr; each = each->next.get()) {
      now.by_label.push_back({each->own.snapshot(), each->label});
    }
    return now;
  }

 private:
  friend class counters_share;

  pool_counters() = default;

  counted_group unlabelled_{*this};
  mutable std::mutex mutex_;
  owned<label_group> first_;  // a handful, in the order in which they came up
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
  const owned<pool_counters> last(&pool);
}

}  // namespace millrace::detail
