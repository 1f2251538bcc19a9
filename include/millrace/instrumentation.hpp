#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/counters.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/label_table.hpp"
#include "millrace/metrics.hpp"

namespace millrace {

/// The default instrumentation: exact counters and two histograms, read by `ComputePool::metrics`.
///
/// Reads the steady clock at most three times a job. A worker that goes straight from one job to
/// the next reads it once for the end of the one and the start of the other, so `run_time` holds
/// the few tens of nanoseconds between them. While jobs take less than about 150 ns on average,
/// the queue wait of one in 16 is measured. Counters, `slow` among them, are always exact.
///
/// **Thread safety:** all members, from any thread.
class ComputeMetrics {
 public:
  /// What a job carries for this policy: the time of its last step, or none, and its label's
  /// counters, or none.
  struct record {
    std::chrono::steady_clock::time_point since{};
    detail::job_counters* label = nullptr;
  };

  explicit ComputeMetrics(const ComputeConfig& config) : slow_job_(config.slow_job) {}

  /// Throws `std::bad_alloc` for a label that is new.
  void labelled(record& job, std::string_view label) { job.label = &labels_->of(label); }

  void submitted(record& job) noexcept {
    if (counters_->measures_next_wait() || job.label != nullptr) job.since = clock::now();
    counters_->submitted();
    if (job.label != nullptr) job.label->submitted();
  }

  void started(record& job) noexcept {
    auto& streak = detail::job_streak::of_this_thread();
    const auto now = streak.begin(counters_.get()) ? streak.last_end() : clock::now();
    if (job.since != clock::time_point()) {
      const std::uint64_t waited = between(job.since, now);
      counters_->waited(waited);
      if (job.label != nullptr) job.label->waited(waited);
    }
    job.since = now;
    counters_->started();
    if (job.label != nullptr) job.label->started();
  }

  void unstarted(record& job, Unstarted why) noexcept {
    counters_->unstarted(why);
    if (job.label != nullptr) job.label->unstarted(why);
  }

  void finished(record& job, bool failed) noexcept {
    const auto now = clock::now();
    const std::uint64_t ran = between(job.since, now);
    detail::job_streak::of_this_thread().end(counters_.get(), now);
    const bool slow = ran >= static_cast<std::uint64_t>(slow_job_.count());
    counters_->ended(ran, failed, slow);
    if (job.label != nullptr) job.label->ended(ran, failed, slow);
  }

  /// Counters and histograms of all threads, added up. Costs some microseconds.
  [[nodiscard]] MetricsSnapshot snapshot() const {
    MetricsSnapshot all;
    static_cast<JobMetrics&>(all) = counters_->snapshot();
    labels_->snapshot(all.by_label);
    return all;
  }

 private:
  using clock = std::chrono::steady_clock;

  // A job submitted after its predecessor's end and begun at once begins "before" its submission.
  static std::uint64_t between(clock::time_point from, clock::time_point to) noexcept {
    const std::chrono::nanoseconds passed = to - from;
    return passed.count() > 0 ? static_cast<std::uint64_t>(passed.count()) : 0;
  }

  std::chrono::nanoseconds slow_job_;
  // On the heap: 80 KiB of shards would make a pool on the stack a surprise.
  std::unique_ptr<detail::job_counters> counters_ = std::make_unique<detail::job_counters>();
  std::unique_ptr<detail::label_table> labels_ = std::make_unique<detail::label_table>();
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
