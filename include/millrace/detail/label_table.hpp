#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "millrace/detail/counters.hpp"
#include "millrace/metrics.hpp"

namespace millrace::detail {

// A set of counters for each label that jobs have had, kept for as long as the pool.
class label_table {
 public:
  // Throws std::bad_alloc for a label that is new.
  [[nodiscard]] job_counters& of(std::string_view label) {
    const std::lock_guard lock(mutex_);
    auto found = all_.find(label);
    if (found == all_.end()) {
      found = all_.emplace(label, std::make_unique<job_counters>()).first;
    }
    return *found->second;
  }

  void snapshot(std::map<std::string, JobMetrics, std::less<>>& into) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [label, counters] : all_) into.emplace(label, counters->snapshot());
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<job_counters>, std::less<>> all_;
};

}  // namespace millrace::detail
