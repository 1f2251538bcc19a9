#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/counters.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/pool_counters.hpp"
#include "millrace/metrics.hpp"

namespace millrace {

/// What a pool has counted, readable after it has gone, too: `pool.instrumentation().reader()`.
///
/// **Thread safety:** `snapshot`, from any thread. **Lifetime:** keeps the counters, not the pool.
class MetricsReader {
 public:
  /// As `ComputePool::metrics`; of a pool that has gone, the last.
  [[nodiscard]] MetricsSnapshot snapshot() const { return counters_.group()->pool.snapshot(); }

 private:
  friend class ComputeMetrics;
  explicit MetricsReader(const detail::counters_share& counters) noexcept : counters_(counters) {}

  detail::counters_share counters_;
};

/// The default instrumentation: exact counters and three histograms, read by
/// `ComputePool::metrics`.
///
/// Reads the steady clock at most four times a job. A worker that goes straight from one job to
/// the next reads it once for the end of the one and the start of the other, so `run_time` holds
/// the few tens of nanoseconds between them. While jobs take less than about 150 ns on average,
/// queue wait and completion delay of one in 16 are measured, and of those with a label. Counters,
/// `slow` among them, are always exact.
///
/// **Thread safety:** all members, from any thread.
class ComputeMetrics {
  using clock = std::chrono::steady_clock;

 public:
  /// What a job carries for this policy: the time of its last step, and what it counts for. That
  /// is none if its ways there and back are not measured.
  struct record {
    clock::time_point since{};
    detail::counters_share counts_for;

    void resuming() noexcept {
      if (!counts_for || since == clock::time_point()) return;  // failed to start, if at all
      const auto now = clock::now();
      const std::uint64_t took = between(since, now);
      since = now;
      counts_for.group()->pool.all.returned(took);
      if (auto* const label = counts_for.label()) label->returned(took);
    }
  };

  explicit ComputeMetrics(const ComputeConfig& config) : slow_job_(config.slow_job) {}

  /// Throws `std::bad_alloc` for a label that is new.
  void labelled(record& job, std::string_view label) {
    job.counts_for = counters_.group()->pool.of(label);
  }

  void submitted(record& job) noexcept {
    if (auto* const label = job.counts_for.label()) {
      job.since = clock::now();
      label->submitted();
    } else if (all_.measures_next()) {
      job.since = clock::now();
      job.counts_for = counters_;
    }
    all_.submitted();
  }

  void started(record& job) noexcept {
    auto& streak = detail::job_streak::of_this_thread();
    const auto now = streak.begin(&all_) ? streak.last_end() : clock::now();
    if (job.counts_for) {
      const std::uint64_t waited = between(job.since, now);
      all_.waited(waited);
      if (auto* const label = job.counts_for.label()) {
        label->waited(waited);
        label->started();
      }
    }
    job.since = now;
    all_.started();
  }

  void unstarted(record& job, Unstarted why) noexcept {
    all_.unstarted(why);
    if (auto* const label = job.counts_for.label()) label->unstarted(why);
    job.counts_for = {};
  }

  void finished(record& job, bool failed) noexcept {
    const auto now = clock::now();
    const std::uint64_t ran = between(job.since, now);
    detail::job_streak::of_this_thread().end(&all_, now);
    const bool slow = ran >= static_cast<std::uint64_t>(slow_job_.count());
    job.since = now;
    if (auto* const label = job.counts_for.label()) label->ended(ran, failed, slow);
    all_.ended(ran, failed, slow);
  }

  /// Counters and histograms of all threads, added up. Costs some microseconds.
  [[nodiscard]] MetricsSnapshot snapshot() const { return counters_.group()->pool.snapshot(); }

  /// Reads them after the pool has gone, too.
  [[nodiscard]] MetricsReader reader() const noexcept { return MetricsReader(counters_); }

 private:
  // A job submitted after its predecessor's end and begun at once begins "before" its submission.
  static std::uint64_t between(clock::time_point from, clock::time_point to) noexcept {
    const std::chrono::nanoseconds passed = to - from;
    return passed.count() > 0 ? static_cast<std::uint64_t>(passed.count()) : 0;
  }

  std::chrono::nanoseconds slow_job_;
  detail::counters_share counters_ = detail::pool_counters::make();
  detail::job_counters& all_ = counters_.group()->pool.all;  // one step nearer
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
