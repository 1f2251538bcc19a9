#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "millrace/config.hpp"
#include "millrace/detail/counters.hpp"
#include "millrace/metrics.hpp"

namespace millrace {

/// The default instrumentation: exact counters and two histograms, read by `ComputePool::metrics`.
///
/// Reads the steady clock three times a job. **Thread safety:** all members, from any thread.
class ComputeMetrics {
 public:
  /// What a job carries for this policy: the time of its last step.
  struct record {
    std::chrono::steady_clock::time_point since{};
  };

  explicit ComputeMetrics(const ComputeConfig& config) : slow_job_(config.slow_job) {}

  void submitted(record& job) noexcept {
    job.since = std::chrono::steady_clock::now();
    counters_->submitted();
  }

  void started(record& job) noexcept { counters_->started(lap(job)); }

  void finished(record& job, bool failed) noexcept {
    const std::uint64_t ran = lap(job);
    counters_->ended(ran, failed, ran >= static_cast<std::uint64_t>(slow_job_.count()));
  }

  /// Counters and histograms of all threads, added up. Costs some microseconds.
  [[nodiscard]] MetricsSnapshot snapshot() const { return counters_->snapshot(); }

 private:
  static std::uint64_t lap(record& job) noexcept {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::nanoseconds passed = now - job.since;
    job.since = now;
    return static_cast<std::uint64_t>(passed.count());
  }

  std::chrono::nanoseconds slow_job_;
  // On the heap: 80 KiB of shards would make a pool on the stack a surprise.
  std::unique_ptr<detail::job_counters> counters_ = std::make_unique<detail::job_counters>();
};

/// No instrumentation: no clock is read, nothing is counted, a job carries nothing.
class NoMetrics {
 public:
  struct record {};

  explicit NoMetrics(const ComputeConfig&) noexcept {}

  void submitted(record&) noexcept {}
  void started(record&) noexcept {}
  void finished(record&, bool) noexcept {}
};

}  // namespace millrace
