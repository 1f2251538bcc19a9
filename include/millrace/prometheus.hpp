#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "millrace/instrumentation.hpp"
#include "millrace/metrics.hpp"

namespace millrace {

/// A pool's metrics for prometheus-cpp (Debian: prometheus-cpp-dev, of which the core is enough);
/// nothing else of Millrace needs it.
///
///     auto jobs = std::make_shared<millrace::PoolCollectable>(pool, "web");
///     exposer.RegisterCollectable(jobs);
///
/// Each family is described in docs/metrics.md. All jobs are in `millrace_jobs_submitted_total` and
/// so on, with the label `pool`; those that have a `JobOptions::label` are once more in
/// `millrace_labelled_jobs_submitted_total` and so on, with `pool` and `label`. Times are
/// histograms in seconds, of powers of two of nanoseconds.
///
/// **Thread safety:** `Collect`, from any thread, while jobs run. **Lifetime:** keeps the pool's
/// counters, not the pool: of a pool that has gone it tells the last. Drop it with the pool if they
/// should vanish from the page; prometheus-cpp keeps but a weak reference. **Errors:** `Collect`
/// throws `std::bad_alloc` only.
class PoolCollectable final : public prometheus::Collectable {
 public:
  /// Of a pool with `ComputeMetrics`, or a policy that has a `reader()` as well. `name` is what
  /// the label `pool` says; it tells the pools of a process apart.
  template <class Pool>
    requires requires(const Pool& pool) { MetricsReader(pool.instrumentation().reader()); }
  PoolCollectable(const Pool& pool, std::string name)
      : reader_(pool.instrumentation().reader()),
        name_(std::move(name)),
        workers_(pool.num_threads()) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    const MetricsSnapshot now = reader_.snapshot();
    std::vector<prometheus::MetricFamily> all;
    all.push_back({"millrace_pool_workers",
                   "Workers of the pool.",
                   prometheus::MetricType::Gauge,
                   {metric_of(nullptr, [&](prometheus::ClientMetric& one) {
                     one.gauge.value = static_cast<double>(workers_);
                   })}});
    for (const bool labelled : {false, true}) {
      for (const count& each : counts) add(all, each, now, labelled);
      for (const times& each : histograms) add(all, each, now, labelled);
    }
    return all;
  }

 private:
  struct count {
    const char* name;
    const char* help;
    prometheus::MetricType type;
    std::uint64_t JobMetrics::* value;
  };
  static constexpr std::array<count, 10> counts{{
      {"jobs_submitted_total", "Jobs handed to the pool", prometheus::MetricType::Counter,
       &JobMetrics::submitted},
      {"jobs_started_total", "Jobs that a worker began", prometheus::MetricType::Counter,
       &JobMetrics::started},
      {"jobs_completed_total", "Jobs that returned", prometheus::MetricType::Counter,
       &JobMetrics::completed},
      {"jobs_failed_total", "Jobs that threw", prometheus::MetricType::Counter,
       &JobMetrics::failed},
      {"jobs_cancelled_total", "Jobs that were cancelled before they started",
       prometheus::MetricType::Counter, &JobMetrics::cancelled},
      {"jobs_expired_total", "Jobs whose deadline passed before they started",
       prometheus::MetricType::Counter, &JobMetrics::expired},
      {"jobs_rejected_total", "Jobs that a full pool, or one shut down, didn't start",
       prometheus::MetricType::Counter, &JobMetrics::rejected},
      {"jobs_slow_total", "Jobs that ran for the configured time slow_job or longer",
       prometheus::MetricType::Counter, &JobMetrics::slow},
      {"jobs_pending", "Jobs submitted, neither started nor given up",
       prometheus::MetricType::Gauge, &JobMetrics::pending},
      {"jobs_active", "Jobs started and not ended", prometheus::MetricType::Gauge,
       &JobMetrics::active},
  }};

  struct times {
    const char* name;
    const char* help;
    HistogramSnapshot JobMetrics::* value;
  };
  static constexpr std::array<times, 3> histograms{{
      {"job_queue_wait_seconds", "From submission to start, of a sample while jobs are very short",
       &JobMetrics::queue_wait},
      {"job_run_time_seconds", "From start to return or throw", &JobMetrics::run_time},
      {"job_completion_delay_seconds",
       "From return or throw to the call of the handler, of a sample while jobs are very short",
       &JobMetrics::completion_delay},
  }};

  template <class Entry>
  void add(std::vector<prometheus::MetricFamily>& all, const Entry& each,
           const MetricsSnapshot& now, bool labelled) const {
    prometheus::MetricFamily family;
    family.name = std::string(labelled ? "millrace_labelled_" : "millrace_") + each.name;
    family.help = std::string(each.help) + (labelled ? ", by their label." : ".");
    family.type = prometheus::MetricType::Histogram;
    if constexpr (requires { each.type; }) family.type = each.type;
    const auto one = [&](const std::string* label, const JobMetrics& jobs) {
      family.metric.push_back(metric_of(label, [&](prometheus::ClientMetric& metric) {
        fill(metric, jobs.*each.value, family);
      }));
    };
    if (labelled) {
      for (const LabelMetrics& jobs : now.by_label) one(&jobs.label, jobs);
    } else {
      one(nullptr, now);
    }
    if (!family.metric.empty()) all.push_back(std::move(family));
  }

  template <class Fill>
  [[nodiscard]] prometheus::ClientMetric metric_of(const std::string* label, Fill fill) const {
    prometheus::ClientMetric metric;
    metric.label.push_back({"pool", name_});
    if (label != nullptr) metric.label.push_back({"label", *label});
    fill(metric);
    return metric;
  }

  static void fill(prometheus::ClientMetric& metric, std::uint64_t value,
                   const prometheus::MetricFamily& family) {
    (family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        static_cast<double>(value);
  }

  // Bounds from 1 us to 34 s: below there is but the hop itself, and above nothing that is awaited.
  static void fill(prometheus::ClientMetric& metric, const HistogramSnapshot& values,
                   const prometheus::MetricFamily&) {
    constexpr std::size_t first_bits = 10;
    constexpr std::size_t last_bits = 35;
    std::uint64_t seen = 0;
    for (std::size_t bits = 0; bits <= last_bits; ++bits) {
      seen += values.by_bits[bits];
      if (bits < first_bits) continue;
      const std::uint64_t below = std::uint64_t{1} << bits;
      metric.histogram.bucket.push_back({seen, static_cast<double>(below - 1) / 1e9});
    }
    metric.histogram.sample_count = values.count;
    metric.histogram.sample_sum = std::chrono::duration<double>(values.sum).count();
  }

  MetricsReader reader_;
  std::string name_;
  int workers_;
};

}  // namespace millrace
