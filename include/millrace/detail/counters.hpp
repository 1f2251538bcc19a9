#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "millrace/detail/histogram.hpp"
#include "millrace/metrics.hpp"

namespace millrace::detail {

// A small number for each thread that ever counts, handed out in turn, to spread threads over
// shards. Threads may share one: every counter is atomic.
[[nodiscard]] inline std::size_t this_thread_number() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

// The counters of one pool, sharded so that threads that count don't share cache lines.
//
// Consistency: a job is counted submitted, started and ended in this order, and the job itself
// carries the happens-before from one to the next across threads. Counting with release and
// reading the later stage first, with acquire, shows no job ended that isn't shown started, nor
// started that isn't shown submitted.
class job_counters {
 public:
  void submitted() noexcept { bump(shard().submitted); }

  void started(std::uint64_t waited_ns) noexcept {
    auto& mine = shard();
    mine.queue_wait.record(waited_ns);
    bump(mine.started);
  }

  void ended(std::uint64_t ran_ns, bool failed, bool slow) noexcept {
    auto& mine = shard();
    mine.run_time.record(ran_ns);
    if (slow) bump(mine.slow);
    bump(failed ? mine.failed : mine.completed);
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

  static void bump(counter& which) noexcept { which.fetch_add(1, std::memory_order_release); }
  static std::uint64_t read(const counter& which) noexcept {
    return which.load(std::memory_order_acquire);
  }

  [[nodiscard]] shard_type& shard() noexcept { return shards_[this_thread_number() % shard_count]; }

  std::array<shard_type, shard_count> shards_{};
};

}  // namespace millrace::detail
