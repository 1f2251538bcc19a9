#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string_view>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/trace_json.hpp"
#include "millrace/detail/trace_log.hpp"
#include "millrace/instrumentation.hpp"
#include "millrace/metrics.hpp"

namespace millrace {

/// Reads the trace of a pool, after it has gone, too: `pool.instrumentation().trace()`.
///
/// **Thread safety:** from any thread, while jobs run. **Lifetime:** keeps the events, not the
/// pool.
class TraceReader {
 public:
  /// Events that were overwritten by later ones, or for which there was no memory or no ring.
  [[nodiscard]] std::uint64_t lost() const { return log_->read().lost; }

 private:
  template <class... Readers>
    requires(std::same_as<Readers, TraceReader> && ...)
  friend void write_chrome_trace(std::ostream& out, const Readers&... pools);
  template <std::size_t EventsPerThread>
  friend class BasicTraceMetrics;
  TraceReader(std::shared_ptr<const detail::trace_log> log, MetricsReader labels)
      : log_(std::move(log)), labels_(std::move(labels)) {}

  std::shared_ptr<const detail::trace_log> log_;
  MetricsReader labels_;  // which events point to
};

/// Writes what one pool or several have recorded, as JSON in Chrome's trace format, which Perfetto
/// and chrome://tracing open: a process for each pool, named by `ComputeConfig::thread_name`, and
/// in it a track for each thread. A job is a slice on its worker, named by its label, with arrows
/// from the point where it was submitted and to the one where its handler went on. Times are of
/// the steady clock, from the oldest event on.
///
/// What happened up to the call is there, but for what was overwritten: how much that is, is in
/// `otherData.lost_events`. Of a job only some points may be left then. Jobs that run are shown up
/// to the call. **Errors:** those of `out`, and `std::bad_alloc`. **Thread safety:** while jobs
/// run; it disturbs them no more than any reading of their memory.
template <class... Readers>
  requires(std::same_as<Readers, TraceReader> && ...)
void write_chrome_trace(std::ostream& out, const Readers&... pools) {
  detail::trace_writer writer(out);
  (writer.add(*pools.log_), ...);
  writer.write();
}

/// An instrumentation policy that does what `ComputeMetrics` does, and records each job's points:
/// submitted, started, ended or given up, and resumed.
///
///     millrace::ComputePool<millrace::TraceMetrics> pool;
///     ...
///     millrace::write_chrome_trace(file, pool.instrumentation().trace());
///
/// Each thread that submits, runs or resumes jobs has a ring of `EventsPerThread` events, a power
/// of two, of 24 bytes each, made with its first event; the newest overwrite the oldest. At most
/// 255 threads have one. It stays when its thread goes. What it costs is in docs/metrics.md.
///
/// **Thread safety:** all members, from any thread. **Allocation:** the rings, and what labels
/// need.
/// **Example:** examples/13_trace.cpp
template <std::size_t EventsPerThread>
class BasicTraceMetrics {
  static_assert(std::has_single_bit(EventsPerThread), "the number of events is no power of two");

 public:
  /// What a job carries for this policy.
  struct record {
    ComputeMetrics::record metrics;
    std::shared_ptr<detail::trace_log> log;  // once it is submitted; it may outlive the pool
    std::uint64_t job = 0;
    std::int64_t submitted = 0;

    void resuming() noexcept {
      const auto before = metrics.since;
      metrics.resuming();
      if (log == nullptr) return;  // failed to start
      const std::int64_t when = metrics.since != before ? time_of(metrics) : now();
      log->add(log->of_this_thread(), {when, job, detail::trace_step::resumed, group()});
    }

    [[nodiscard]] const detail::counted_group* group() const noexcept {
      return metrics.counts_for.group();
    }
  };

  explicit BasicTraceMetrics(const ComputeConfig& config)
      : metrics_(config),
        log_(std::make_shared<detail::trace_log>(EventsPerThread, config.thread_name)) {}

  void labelled(record& job, std::string_view label) { metrics_.labelled(job.metrics, label); }

  void submitted(record& job) noexcept {
    detail::trace_log::thread_part* const here = log_->of_this_thread();
    metrics_.submitted(job.metrics);
    job.log = log_;
    job.job = log_->next_job(here);
    job.submitted = job.metrics.since != unmeasured ? time_of(job.metrics) : now();
    log_->add(here, {job.submitted, job.job, detail::trace_step::submitted, job.group()});
  }

  void started(record& job) noexcept {
    detail::trace_log::thread_part* const here = log_->of_this_thread();
    metrics_.started(job.metrics);
    // Which may be the end of the job before, see ComputeMetrics.
    const std::int64_t when = std::max(time_of(job.metrics), job.submitted);
    log_->add(here, {when, job.job, detail::trace_step::started, job.group()});
  }

  void finished(record& job, bool failed) noexcept {
    metrics_.finished(job.metrics, failed);
    log_->add(log_->of_this_thread(),
              {time_of(job.metrics), job.job,
               failed ? detail::trace_step::failed : detail::trace_step::finished, job.group()});
  }

  void unstarted(record& job, Unstarted why) noexcept {
    log_->add(log_->of_this_thread(), {now(), job.job,
                                       why == Unstarted::cancelled ? detail::trace_step::cancelled
                                       : why == Unstarted::expired ? detail::trace_step::expired
                                                                   : detail::trace_step::rejected,
                                       job.group()});
    metrics_.unstarted(job.metrics, why);
  }

  [[nodiscard]] MetricsSnapshot snapshot() const { return metrics_.snapshot(); }

  /// The counters, as of `ComputeMetrics`.
  [[nodiscard]] MetricsReader reader() const noexcept { return metrics_.reader(); }

  /// The trace.
  [[nodiscard]] TraceReader trace() const { return {log_, reader()}; }

 private:
  static std::int64_t now() noexcept {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  // ComputeMetrics has read it already, where it measures.
  static std::int64_t time_of(const ComputeMetrics::record& job) noexcept {
    return job.since.time_since_epoch().count();
  }
  static constexpr std::chrono::steady_clock::time_point unmeasured{};

  ComputeMetrics metrics_;
  std::shared_ptr<detail::trace_log> log_;
};

/// With 32,768 events for each thread, 768 KiB.
using TraceMetrics = BasicTraceMetrics<32768>;

}  // namespace millrace
