#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/detail/counters.hpp"
#include "millrace/metrics.hpp"

namespace millrace::detail {

// A set of counters for each label that jobs have had, kept for as long as the pool.
class label_table {
 public:
  // Throws std::bad_alloc for a label that is new.
  [[nodiscard]] job_counters& of(std::string_view label) {
    const std::lock_guard lock(mutex_);
    for (const entry& each : all_) {
      if (each.label == label) return *each.counters;
    }
    all_.push_back({std::string(label), std::make_unique<job_counters>()});
    return *all_.back().counters;
  }

  void snapshot(std::vector<LabelMetrics>& into) const {
    const std::lock_guard lock(mutex_);
    for (const entry& each : all_) into.push_back({each.counters->snapshot(), each.label});
  }

 private:
  struct entry {
    std::string label;
    std::unique_ptr<job_counters> counters;
  };

  mutable std::mutex mutex_;
  std::vector<entry> all_;  // a handful
};

}  // namespace millrace::detail
