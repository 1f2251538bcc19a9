#pragma once

#include <cstddef>
#include <mutex>

#include "millrace/detail/job.hpp"

namespace millrace::detail {

// Lets a bounded number of jobs be pending, handed over and not started; the others wait here in
// order, or are turned away.
//
// A mutex: a bounded pool pays tens of nanoseconds a job for it, an unbounded one nothing. `hand
// over` is called within it, so that a job is always either parked or handed over.
class gate {
 public:
  enum class when_full { wait, reject };
  enum class entry { open, parked, full };

  // At most `most` pending jobs; 0: any number.
  gate(std::size_t most, when_full full) noexcept : most_(most), when_full_(full) {}

  [[nodiscard]] bool bounded() const noexcept { return most_ != 0; }

  // The caller hands the job over if the gate is open. Afterwards it isn't the caller's any more.
  [[nodiscard]] entry enter(job& one) noexcept {
    const std::lock_guard lock(mutex_);
    if (pending_ < most_) {
      ++pending_;
      one.gated = true;
      return entry::open;
    }
    if (when_full_ == when_full::reject) {
      one.taken.store(true, std::memory_order_release);
      return entry::full;
    }
    one.parked = true;
    parked_.append(one);
    return entry::parked;
  }

  // A job that was handed over has started, or never will: the next one's turn.
  template <class HandOver>
  void left(HandOver&& hand_over) noexcept {
    const std::lock_guard lock(mutex_);
    --pending_;
    while (pending_ < most_ && !parked_.empty()) {
      job& next = parked_.pop();
      next.parked = false;
      next.gated = true;
      ++pending_;
      hand_over(next);
    }
  }

  // Takes out a job that waits here. False: it doesn't any more.
  [[nodiscard]] bool remove(job& one) noexcept {
    const std::lock_guard lock(mutex_);
    if (!one.parked) return false;
    take_out(one);
    return true;
  }

  // Takes out all for which `condition(job&)` holds.
  template <class Condition>
  [[nodiscard]] job_batch remove_all(Condition&& condition) noexcept {
    const std::lock_guard lock(mutex_);
    job_batch found;
    for (job* one = parked_.first; one != nullptr;) {
      job* const after = one->following();
      if (condition(*one)) {
        take_out(*one);
        found.append(*one);
      }
      one = after;
    }
    return found;
  }

 private:
  void take_out(job& one) noexcept {
    parked_.remove(one);
    one.parked = false;
    one.taken.store(true, std::memory_order_release);
  }

  const std::size_t most_;
  const when_full when_full_;
  std::mutex mutex_;
  std::size_t pending_ = 0;
  job_batch parked_;
};

}  // namespace millrace::detail
