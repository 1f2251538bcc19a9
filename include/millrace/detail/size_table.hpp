#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <mutex>
#include <source_location>
#include <vector>

namespace millrace::detail {

// What was seen of the jobs of one call site.
struct site_counts {
  std::source_location site{};
  int size = 0;
  std::uint64_t jobs = 0;
  std::uint64_t too_short = 0;
  std::uint64_t too_long = 0;
  std::chrono::nanoseconds shortest{};
  std::chrono::nanoseconds longest{};
};

// A fixed number of call sites, hashed by line and column; those that come when it is full share
// one row. Allocates in its constructor only.
class size_table {
 public:
  explicit size_table(std::size_t most_sites) : rows_(most_sites) {}

  void add(int size, const std::source_location& site, std::chrono::nanoseconds ran, bool too_short,
           bool too_long) noexcept {
    const std::lock_guard lock(mutex_);
    site_counts& row = row_of(size, site);
    row.shortest = row.jobs == 0 ? ran : std::min(row.shortest, ran);
    row.longest = std::max(row.longest, ran);
    ++row.jobs;
    row.too_short += too_short ? 1 : 0;
    row.too_long += too_long ? 1 : 0;
  }

  // The rows that are in use, and the one for those that found no room.
  [[nodiscard]] std::vector<site_counts> rows() const {
    const std::lock_guard lock(mutex_);
    std::vector<site_counts> used;
    std::copy_if(rows_.begin(), rows_.end(), std::back_inserter(used),
                 [](const site_counts& row) { return row.jobs != 0; });
    return used;
  }
  [[nodiscard]] site_counts others() const {
    const std::lock_guard lock(mutex_);
    return others_;
  }

 private:
  site_counts& row_of(int size, const std::source_location& site) noexcept {
    const std::size_t first =
        (std::size_t{site.line()} * 31 + site.column()) * 3 + static_cast<std::size_t>(size);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      site_counts& row = rows_[(first + i) % rows_.size()];
      if (row.jobs == 0) {
        row.site = site;
        row.size = size;
        return row;
      }
      // The name may lie in several places, one per file that includes the call.
      if (row.size == size && row.site.line() == site.line() &&
          row.site.column() == site.column() &&
          std::strcmp(row.site.file_name(), site.file_name()) == 0) {
        return row;
      }
    }
    return others_;
  }

  mutable std::mutex mutex_;
  std::vector<site_counts> rows_;
  site_counts others_;
};

}  // namespace millrace::detail
