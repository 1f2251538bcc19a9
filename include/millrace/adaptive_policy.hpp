#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace millrace {

/// Where the next job of its kind is to run.
enum class Place {
  pool,              ///< offloaded
  here,              ///< on the I/O thread that awaits it
  here_with_permit,  ///< the same if another I/O thread is left to serve the loop, else on the pool
};

/// What a policy is told about the thread that awaits a job.
struct AdaptiveSituation {
  int io_threads = 1;      ///< as told to `set_io_threads`
  bool loop_late = false;  ///< a handler of this thread's loop has lately waited for its turn for
                           ///< more than half a millisecond
};

/// Whether a job is to be measured and recorded.
enum class Measure {
  no,
  in_doubt,  ///< if it is 20 us and more since the job before it on this thread began, or ended if
             ///< that was measured: that one may have been long. Not on the pool.
  yes,
};

struct AdaptiveDecision {
  Place place = Place::pool;
  Measure measure = Measure::yes;
  /// What stands for a job's run time that isn't measured.
  std::chrono::nanoseconds expected{};
};

/// What became of a job that was measured.
struct AdaptiveRun {
  Place place = Place::pool;       ///< where it did run
  std::chrono::nanoseconds run{};  ///< of the callable alone
  /// If it ran on the pool: from the decision to the return to the awaiting thread; and how many
  /// jobs of its kind were out, itself included, on average of these two moments.
  std::chrono::nanoseconds whole{};
  float in_flight = 1;
};

/// Decides for one kind of jobs. `execute_adaptive` calls `decide` before each, and `record` after
/// those that it is to measure, on any number of threads at a time.
///
/// It stays for as long as the process: made before anything runs, and never destroyed.
template <class P>
concept AdaptivePolicy =
    std::is_trivially_destructible_v<P> &&
    requires(P& policy, const AdaptiveSituation& situation, const AdaptiveRun& run) {
      { policy.decide(situation) } noexcept -> std::same_as<AdaptiveDecision>;
      { policy.record(run) } noexcept;
    };

/// Learns what a kind of jobs costs the loop, and takes the cheaper place within hard limits.
///
/// **Costs compared:** a job that runs on its I/O thread costs the loop its run time. One on the
/// pool costs its whole way divided by the jobs of its kind that are out, by Little's law the time
/// in which the pool turns out one of them: for one job at a time that is the way there and back,
/// for many the hop or the share of a worker, whichever is longer. The pool is left for what takes
/// less than nine tenths of that, and gone back to when it is no longer less.
///
/// **Limits**, which come before costs. On the I/O thread never runs a job
/// - that is expected to take more than `hard_limit`, on average or by the longest of late;
/// - of more than `brief` without a permit, so never with one I/O thread;
/// - of any length, with one I/O thread whose loop is late; with several, of more than `brief`;
/// - of a kind with less than 8 jobs so far;
/// - after a surprise, which is a job there that took more than `hard_limit`, or without a permit
///   five times `brief`: then the next 64 go to the pool, 128 after the second surprise, and so on
///   to 65,536. Each 2,048 that are measured without surprise halve that.
///
/// **Looking again:** what the pool would cost is forgotten while no job goes there, so 32 jobs in
/// a row are sent there now and then, for about a hundredth of the time, and when jobs have become
/// twice as long.
///
/// **Measures:** each job, with four reads of the clock on the pool and two on the I/O thread. Of
/// those that take less than 2 us one in eight, and on the I/O thread others in doubt, to tell
/// which takes one read of the clock; below 250 ns not those.
/// **Thread safety:** all members. Threads that record at the same time may lose a record.
class AdaptiveLearner {
 public:
  static constexpr std::chrono::nanoseconds hard_limit = std::chrono::microseconds(250);
  static constexpr std::chrono::nanoseconds brief = std::chrono::microseconds(20);

  [[nodiscard]] AdaptiveDecision decide(const AdaptiveSituation& now) noexcept {
    const float mean = get(mean_);
    const std::chrono::nanoseconds expected(static_cast<std::int64_t>(mean));
    const AdaptiveDecision on_pool{Place::pool, measure(mean), expected};
    if (get(runs_) < first_runs || take_one(held_)) return {Place::pool, Measure::yes, expected};
    const float longest = std::max(mean, get(peak_));
    const bool is_brief = longest <= in_ns(brief);
    if (longest > in_ns(hard_limit)) return on_pool;
    if (now.io_threads <= 1 && (now.loop_late || !is_brief)) return on_pool;
    if (now.loop_late && !is_brief) return on_pool;
    if (mean > cheaper_than_any_hop) {
      if (take_one(looks_)) return {Place::pool, Measure::yes, expected};
      const bool was_here = get(here_);
      const bool here = mean < get(trip_) * (was_here ? 1.0F : 0.9F);
      if (here != was_here) {
        set(here_, here);
        set(mean_when_looked_, mean);
      }
      if (!here) return on_pool;
      spend(mean);
    }
    return {is_brief ? Place::here : Place::here_with_permit, on_pool.measure, expected};
  }

  void record(const AdaptiveRun& run) noexcept {
    const float ran = in_ns(run.run);
    const std::uint32_t runs = get(runs_);
    learn(mean_, ran, runs == 0);
    set(peak_, std::max(std::min(ran, 4 * in_ns(hard_limit)), get(peak_) * (15.0F / 16)));
    if (runs < first_runs) set(runs_, runs + 1);
    if (run.place == Place::pool) {
      learn(trip_, in_ns(run.whole) / std::max(run.in_flight, 1.0F), get(trip_) == 0);
    } else if (ran > in_ns(run.place == Place::here ? 5 * brief : hard_limit)) {
      strike();
    } else if (get(good_) + 1 < good_in_a_row) {
      set(good_, get(good_) + 1);
    } else {
      set(good_, 0U);
      set(back_off_, std::max(get(back_off_) / 2, first_back_off));
    }
  }

  /// The average run time, of the last jobs most; zero if there was none.
  [[nodiscard]] std::chrono::nanoseconds expected() const noexcept {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(get(mean_)));
  }
  /// The average cost of a job on the pool; zero if there was none.
  [[nodiscard]] std::chrono::nanoseconds pool_cost() const noexcept {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(get(trip_)));
  }

 private:
  template <class T>
  using relaxed = std::atomic<T>;

  static constexpr std::uint32_t first_runs = 8;
  static constexpr std::uint32_t first_back_off = 64;
  static constexpr std::uint32_t longest_back_off = 65'536;
  static constexpr std::uint32_t good_in_a_row = 2'048;
  static constexpr std::uint32_t looks_in_a_row = 32;
  static constexpr float looking_share = 1.0F / 128;
  static constexpr float one_us = 1e3F;
  static constexpr float too_short_to_watch = 250;    // ns
  static constexpr float cheaper_than_any_hop = 100;  // ns; the best of decision 0006 is above

  template <class T>
  static T get(const relaxed<T>& from) noexcept {
    return from.load(std::memory_order_relaxed);
  }
  template <class T>
  static void set(relaxed<T>& to, T value) noexcept {
    to.store(value, std::memory_order_relaxed);
  }
  static constexpr float in_ns(std::chrono::nanoseconds time) noexcept {
    return static_cast<float>(time.count());
  }

  // One value that is far off, of a thread that lost its core for a while, moves the average less
  // than a few that agree.
  static void learn(relaxed<float>& average, float value, bool first) noexcept {
    const float old = get(average);
    set(average, first ? value : old + (std::min(value, 16 * old + one_us) - old) / 8);
  }

  static bool take_one(relaxed<std::uint32_t>& from) noexcept {
    const std::uint32_t left = get(from);
    if (left == 0) return false;
    set(from, left - 1);
    return true;
  }

  Measure measure(float mean) noexcept {
    if (mean > 2 * one_us || one_in_eight()) return Measure::yes;
    return mean > too_short_to_watch ? Measure::in_doubt : Measure::no;
  }

  // Not each eighth: every eighth job may be of another length than the others.
  bool one_in_eight() noexcept {
    const std::uint32_t number = get(chance_) * 1'664'525U + 1'013'904'223U;
    set(chance_, number);
    return number >> 29 == 0;
  }

  // A job of this length is about to run here.
  void spend(float mean) noexcept {
    const float spent = get(spent_) + mean;
    const float round = static_cast<float>(looks_in_a_row) * std::max(get(trip_), one_us);
    const bool longer = mean > one_us && mean > 2 * get(mean_when_looked_);
    if (spent * looking_share < round && !longer) return set(spent_, spent);
    set(spent_, 0.0F);
    set(mean_when_looked_, mean);
    set(looks_, looks_in_a_row);
  }

  void strike() noexcept {
    const std::uint32_t length = get(back_off_);
    set(held_, length);
    set(back_off_, std::min(length * 2, longest_back_off));
    set(good_, 0U);
  }

  relaxed<float> mean_{0};                           // ns
  relaxed<float> peak_{0};                           // ns; falls by a 16th with each record
  relaxed<float> trip_{0};                           // ns per job on the pool
  relaxed<float> spent_{0};                          // ns on I/O threads since the last look
  relaxed<float> mean_when_looked_{0};               // ns
  relaxed<std::uint32_t> runs_{0};                   // up to first_runs
  relaxed<std::uint32_t> chance_{0};                 // the last number drawn
  relaxed<std::uint32_t> looks_{0};                  // how many more go to the pool to see
  relaxed<std::uint32_t> held_{0};                   // how many more go there after a surprise
  relaxed<std::uint32_t> back_off_{first_back_off};  // how many after the next one
  relaxed<std::uint32_t> good_{0};                   // without surprise in a row
  relaxed<bool> here_{false};
};

}  // namespace millrace
