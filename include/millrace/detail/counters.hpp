#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "millrace/concepts.hpp"
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
  // Whether the ways there and back of the next job that this thread submits should be measured:
  // each, or one in 16 while jobs take no longer than reading the clock for them.
  [[nodiscard]] bool measures_next() noexcept {
    if (!brisk_.load(std::memory_order_relaxed)) return true;
    const std::size_t thread = this_thread_number();
    const shard_type& mine = shards_[thread < shard_count ? thread : shard_count - 1];
    return mine.submitted.load(std::memory_order_relaxed) % 16 == 0;
  }

  void submitted() noexcept {
    with_shard([](shard_type& mine, auto writers) { bump(mine.submitted, writers); });
  }

  void waited(std::uint64_t nanoseconds) noexcept {
    with_shard(
        [=](shard_type& mine, auto writers) { mine.queue_wait.record(nanoseconds, writers); });
  }

  void started() noexcept {
    with_shard([](shard_type& mine, auto writers) { bump(mine.started, writers); });
  }

  void unstarted(Unstarted why) noexcept {
    with_shard([=](shard_type& mine, auto writers) {
      counter& which = why == Unstarted::cancelled ? mine.cancelled
                       : why == Unstarted::expired ? mine.expired
                                                   : mine.rejected;
      bump(which, writers);
    });
  }

  void ended(std::uint64_t ran_ns, bool failed, bool slow) noexcept {
    with_shard([=, this](shard_type& mine, auto writers) {
      mine.run_time.record(ran_ns, writers);
      if (slow) bump(mine.slow, writers);
      bump(failed ? mine.failed : mine.completed, writers);
      note_pace(mine, ran_ns);
    });
  }

  // A job's handler is about to run.
  void returned(std::uint64_t nanoseconds) noexcept {
    with_shard([=](shard_type& mine, auto writers) {
      mine.completion_delay.record(nanoseconds, writers);
    });
  }

  [[nodiscard]] JobMetrics snapshot() const {
    JobMetrics all;
    all.completed = sum(&shard_type::completed);
    all.failed = sum(&shard_type::failed);
    all.slow = sum(&shard_type::slow);
    all.cancelled = sum(&shard_type::cancelled);
    all.expired = sum(&shard_type::expired);
    all.rejected = sum(&shard_type::rejected);
    all.started = sum(&shard_type::started);
    all.submitted = sum(&shard_type::submitted);
    // A reader that loses its core on the way here has thousands of jobs go by. They mustn't show
    // as waiting or running, so for the gauges what is taken away is read after what it is taken
    // from.
    all.pending = less(all.submitted, sum(&shard_type::cancelled) + sum(&shard_type::expired) +
                                          sum(&shard_type::rejected) + sum(&shard_type::started));
    const std::uint64_t started = sum(&shard_type::started);
    all.active = less(started, sum(&shard_type::completed) + sum(&shard_type::failed));
    histogram_sum queue_wait;
    histogram_sum run_time;
    histogram_sum completion_delay;
    for (const auto& each : shards_) {
      queue_wait.add(each.queue_wait);
      run_time.add(each.run_time);
      completion_delay.add(each.completion_delay);
    }
    all.queue_wait = queue_wait.snapshot();
    all.run_time = run_time.snapshot();
    all.completion_delay = completion_delay.snapshot();
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
    counter cancelled{0};
    counter expired{0};
    counter rejected{0};
    counter pace{16 * 2000};  // 16 times the average run time, in nanoseconds
    histogram queue_wait;
    histogram run_time;
    histogram completion_delay;
  };

  static constexpr std::size_t shard_count = 16;

  // Two readings of the clock for a job cost about 50 ns. Apart, so that jobs in between don't turn
  // the switch to and fro.
  static constexpr std::uint64_t brisk_below_ns = 150;
  static constexpr std::uint64_t calm_above_ns = 300;

  // A moving average over about 16 jobs, of which none counts for more than 2 us.
  void note_pace(shard_type& mine, std::uint64_t ran_ns) noexcept {
    const std::uint64_t before = mine.pace.load(std::memory_order_relaxed);
    const std::uint64_t now = before - before / 16 + (ran_ns < 2000 ? ran_ns : 2000);
    mine.pace.store(now, std::memory_order_relaxed);
    if (before >= 16 * brisk_below_ns && now < 16 * brisk_below_ns) {
      brisk_.store(true, std::memory_order_relaxed);
    } else if (before <= 16 * calm_above_ns && now > 16 * calm_above_ns) {
      brisk_.store(false, std::memory_order_relaxed);
    }
  }

  [[nodiscard]] std::uint64_t sum(counter shard_type::* which) const noexcept {
    std::uint64_t all = 0;
    for (const auto& each : shards_) all += (each.*which).load(std::memory_order_acquire);
    return all;
  }
  [[nodiscard]] static constexpr std::uint64_t less(std::uint64_t from,
                                                    std::uint64_t what) noexcept {
    return from > what ? from - what : 0;
  }

  template <class Writers>
  static void bump(counter& which, Writers) noexcept {
    add(which, 1, std::memory_order_release, Writers());
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
  alignas(128) std::atomic<bool> brisk_{false};
};

}  // namespace millrace::detail
