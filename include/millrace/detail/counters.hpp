#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "millrace/detail/histogram.hpp"
#include "millrace/detail/thread_number.hpp"
#include "millrace/metrics.hpp"

namespace millrace::detail {

// The counters of one pool, sharded so that threads that count don't share cache lines. The first
// threads of the process that count have a shard each and need no atomic addition; later ones share
// the last.
//
// Consistency: a job is counted submitted, started and ended in this order, and the job itself
// carries the happens-before from one to the next across threads. Counting with release and
// reading the later stage first, with acquire, shows no job ended that isn't shown started, nor
// started that isn't shown submitted.
class job_counters {
 public:
  void submitted() noexcept {
    with_shard([](shard_type& mine, auto writers) { bump(mine.submitted, writers); });
  }

  void started(std::uint64_t waited_ns) noexcept {
    with_shard([=](shard_type& mine, auto writers) {
      mine.queue_wait.record(waited_ns, writers);
      bump(mine.started, writers);
    });
  }

  void ended(std::uint64_t ran_ns, bool failed, bool slow) noexcept {
    with_shard([=](shard_type& mine, auto writers) {
      mine.run_time.record(ran_ns, writers);
      if (slow) bump(mine.slow, writers);
      bump(failed ? mine.failed : mine.completed, writers);
    });
  }

  [[nodiscard]] MetricsSnapshot snapshot() const {
    MetricsSnapshot all;
    for (const auto& each : shards_) all.completed += read(each.completed);
    for (const auto& each : shards_) all.failed += read(each.failed);
    for (const auto& each : shards_) all.slow += read(each.slow);
    for (const auto& each : shards_) all.started += read(each.started);
    for (const auto& each : shards_) all.submitted += read(each.submitted);
    all.pending = all.submitted - all.started;
    all.active = all.started - all.completed - all.failed;
    histogram_sum queue_wait;
    histogram_sum run_time;
    for (const auto& each : shards_) {
      queue_wait.add(each.queue_wait);
      run_time.add(each.run_time);
    }
    all.queue_wait = queue_wait.snapshot();
    all.run_time = run_time.snapshot();
    return all;
  }

 private:
  using counter = std::atomic<std::uint64_t>;

  // 128 bytes: x86 fetches cache lines in pairs.
  struct alignas(128) shard_type {
    counter submitted{0};
    counter started{0};
    counter completed{0};
    counter failed{0};
    counter slow{0};
    histogram queue_wait;
    histogram run_time;
  };

  static constexpr std::size_t shard_count = 16;

  template <class Writers>
  static void bump(counter& which, Writers) noexcept {
    add(which, 1, std::memory_order_release, Writers());
  }
  static std::uint64_t read(const counter& which) noexcept {
    return which.load(std::memory_order_acquire);
  }

  template <class Count>
  void with_shard(Count count) noexcept {
    const std::size_t thread = this_thread_number();
    if (thread < shard_count - 1) {
      count(shards_[thread], one_writer());
    } else {
      count(shards_[shard_count - 1], many_writers());
    }
  }

  std::array<shard_type, shard_count> shards_{};
};

}  // namespace millrace::detail
