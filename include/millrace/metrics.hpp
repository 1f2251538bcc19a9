#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace {

/// Summary of a distribution of times, in nanoseconds.
///
/// Percentiles are upper bounds: at least that share of the values is no larger, and the figure is
/// at most 12.5 % above the value it stands for (8 buckets per power of two). `max` and `sum` are
/// exact.
struct HistogramSnapshot {
  std::uint64_t count = 0;
  std::chrono::nanoseconds sum{};
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p90{};
  std::chrono::nanoseconds p99{};
  std::chrono::nanoseconds p999{};
  std::chrono::nanoseconds max{};

  /// How many values there are of each number of binary digits: `by_bits[0]` counts those of 0 ns,
  /// `by_bits[n]` those from 2^(n-1) to 2^n - 1 ns, the last one all larger ones as well.
  std::array<std::uint64_t, 42> by_bits{};
};

/// What became of a set of jobs so far.
///
/// Counters never fall. In every snapshot `submitted >= started >= completed + failed`; once all
/// jobs have ended both gauges are 0 and
/// `submitted == completed + failed + cancelled + expired + rejected`. A gauge never shows more
/// jobs than there were at some moment while the snapshot was taken; those that went on meanwhile
/// may be missing.
struct JobMetrics {
  std::uint64_t submitted = 0;  ///< jobs handed to the pool
  std::uint64_t started = 0;    ///< jobs that a worker began
  std::uint64_t completed = 0;  ///< jobs that returned
  std::uint64_t failed = 0;     ///< jobs that threw
  std::uint64_t cancelled = 0;  ///< jobs that were cancelled before they started
  std::uint64_t expired = 0;    ///< jobs whose deadline passed before they started
  std::uint64_t rejected = 0;   ///< jobs that a full pool, or one shut down, didn't start
  std::uint64_t slow = 0;       ///< jobs that ran for `ComputeConfig::slow_job` or longer

  std::uint64_t pending = 0;  ///< gauge: submitted, neither started nor given up
  std::uint64_t active = 0;   ///< gauge: started, not ended

  HistogramSnapshot queue_wait;  ///< from submission to start; a sample while jobs are very short
  HistogramSnapshot run_time;    ///< from start to return or throw

  /// From return or throw to the call of the handler, on its executor; for `execute_sync` until its
  /// caller goes on. A sample as `queue_wait` is. Jobs without anybody who waited for their end
  /// have none: handlers that were dropped, handles that were not awaited yet, the pool's executor.
  HistogramSnapshot completion_delay;
};

/// What became of the jobs with one `JobOptions::label`.
struct LabelMetrics : JobMetrics {
  std::string label;
};

/// A consistent picture of what a pool has done so far.
struct MetricsSnapshot : JobMetrics {
  /// The same for each label that jobs had, in the order in which they came up.
  std::vector<LabelMetrics> by_label;
};

}  // namespace millrace
