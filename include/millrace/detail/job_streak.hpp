#pragma once

#include <chrono>
#include <utility>

namespace millrace::detail {

// What a thread knows of the time between two of its jobs: a clock reading costs as much as an
// empty job, and a worker that goes straight from one job to the next needs but one for both.
//
// A job that runs inside another one on the same thread never carries a streak on: the outer job's
// own work comes after it.
class job_streak {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  [[nodiscard]] static job_streak& of_this_thread() noexcept {
    static thread_local constinit job_streak mine;
    return mine;
  }

  // A job of `owner` begins. True if it follows at once the one that ended at `last_end`.
  [[nodiscard]] bool begin(const void* owner) noexcept {
    ++depth_;
    return std::exchange(unbroken_for_, nullptr) == owner;
  }

  // The job that began last has ended.
  void end(const void* owner, time_point when) noexcept {
    if (--depth_ != 0) return;
    last_end_ = when;
    unbroken_for_ = owner;
  }

  [[nodiscard]] time_point last_end() const noexcept { return last_end_; }

  // Something took its time since: the worker found nothing to do, or a loop had to be woken.
  void interrupt() noexcept { unbroken_for_ = nullptr; }

 private:
  const void* unbroken_for_ = nullptr;
  time_point last_end_{};
  int depth_ = 0;
};

}  // namespace millrace::detail
