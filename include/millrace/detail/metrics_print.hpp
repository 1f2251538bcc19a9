#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/detail/time_text.hpp"
#include "millrace/metrics.hpp"

namespace millrace::detail {

// Of a label only what takes one column a letter, or a line would be no line.
[[nodiscard]] inline std::string cell_text(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return shown;
}

// Of UTF-8, if each character takes a column.
[[nodiscard]] inline std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

// Rows of as many cells each; those in front to the left, numbers to the right.
class text_table {
 public:
  explicit text_table(std::size_t texts_in_front) : texts_(texts_in_front) {}

  void add(std::vector<std::string> row) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths_[i] = std::max(widths_[i], columns_of(row[i]));
    }
    rows_.push_back(std::move(row));
  }

  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string blank(widths_[i] - columns_of(row[i]), ' ');
        if (i != 0) line += "  ";
        line += i < texts_ ? row[i] + blank : blank + row[i];
      }
      line.erase(line.find_last_not_of(' ') + 1);
      all += line + '\n';
    }
    return all;
  }

 private:
  std::size_t texts_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

struct named_count {
  const char* name;
  std::uint64_t JobMetrics::* value;
};
inline constexpr std::array<named_count, 10> named_counts{{
    {"submitted", &JobMetrics::submitted},
    {"started", &JobMetrics::started},
    {"completed", &JobMetrics::completed},
    {"failed", &JobMetrics::failed},
    {"cancelled", &JobMetrics::cancelled},
    {"expired", &JobMetrics::expired},
    {"rejected", &JobMetrics::rejected},
    {"slow", &JobMetrics::slow},
    {"pending", &JobMetrics::pending},
    {"active", &JobMetrics::active},
}};

struct named_times {
  const char* name;
  HistogramSnapshot JobMetrics::* value;
};
inline constexpr std::array<named_times, 3> named_histograms{{
    {"queue wait", &JobMetrics::queue_wait},
    {"run time", &JobMetrics::run_time},
    {"completion delay", &JobMetrics::completion_delay},
}};

inline void add_rows(text_table& counts, text_table& times, const std::string& whose,
                     const JobMetrics& jobs) {
  std::vector<std::string> row{whose};
  for (const auto& [name, value] : named_counts) row.push_back(std::to_string(jobs.*value));
  counts.add(std::move(row));
  std::string first = whose;
  for (const auto& [name, value] : named_histograms) {
    const HistogramSnapshot& of = jobs.*value;
    row = {std::exchange(first, {}), name, std::to_string(of.count)};
    if (of.count == 0) {
      row.insert(row.end(), 6, "-");
    } else {
      const std::chrono::nanoseconds mean(of.sum / static_cast<std::int64_t>(of.count));
      for (const auto time : {mean, of.p50, of.p90, of.p99, of.p999, of.max}) {
        row.push_back(time_text(time));
      }
    }
    times.add(std::move(row));
  }
}

}  // namespace millrace::detail
