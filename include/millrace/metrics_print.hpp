#pragma once

#include <chrono>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "millrace/detail/metrics_print.hpp"
#include "millrace/metrics.hpp"

// Metrics for people to read; a header of its own, because few files print them. The texts are the
// same in every locale.
namespace millrace {

/// All of it in one line, without the labels:
///
///     submitted 4, started 3, completed 2, failed 1, ... active 0; queue wait p50 1.2 us p90 ...
///
/// Always the same fields in the same order. A time that was never measured is `-`.
[[nodiscard]] inline std::string to_string(const JobMetrics& jobs) {
  std::string line;
  for (const auto& [name, value] : detail::named_counts) {
    line += (line.empty() ? "" : ", ") + (name + (' ' + std::to_string(jobs.*value)));
  }
  for (const auto& [name, value] : detail::named_histograms) {
    const HistogramSnapshot& of = jobs.*value;
    const auto add = [&](const char* what, std::chrono::nanoseconds time) {
      line += what + (of.count == 0 ? "-" : detail::time_text(time));
    };
    line += std::string("; ") + name;
    add(" p50 ", of.p50);
    add(" p90 ", of.p90);
    add(" p99 ", of.p99);
    add(" p99.9 ", of.p999);
    add(" max ", of.max);
  }
  return line;
}

/// The same line.
inline std::ostream& operator<<(std::ostream& out, const JobMetrics& jobs) {
  return out << to_string(jobs);
}

/// Two tables with a row each, or three, for all jobs and for each label: how many, and how long.
inline void print_table(std::ostream& out, const MetricsSnapshot& metrics) {
  detail::text_table counts(1);
  detail::text_table times(2);
  std::vector<std::string> heads{"jobs"};
  for (const auto& each : detail::named_counts) heads.emplace_back(each.name);
  counts.add(std::move(heads));
  times.add({"times", "", "count", "mean", "p50", "p90", "p99", "p99.9", "max"});
  detail::add_rows(counts, times, "all", metrics);
  for (const LabelMetrics& each : metrics.by_label) {
    detail::add_rows(counts, times, detail::cell_text(each.label), each);
  }
  out << counts.text() << '\n' << times.text();
}

}  // namespace millrace
