#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "millrace/detail/event.hpp"
#include "millrace/detail/job.hpp"

namespace millrace::detail {

// What a pool still has to see end: jobs, and whoever else needs the pool to be there.
//
// One word:
//   bits 0..31   shares of others; it starts at 1, the owner's own
//   bits 32..63  jobs
// It reaches 0 once in the life of a pool, so only the very last release touches the event, and
// nothing after that release touches the pool.
class outstanding_count {
 public:
  // Relaxed: whoever adds holds a share already, or is the owner.
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void add_job() noexcept { count_.fetch_add(one_job, std::memory_order_relaxed); }

  // The same for who holds nothing. False: all have ended, and nobody will wait for another one.
  [[nodiscard]] bool add_job_unless_over() noexcept {
    std::uint64_t count = count_.load(std::memory_order_relaxed);
    while (count != 0) {
      if (count_.compare_exchange_weak(count, count + one_job, std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  // Release: what was done happens before wait() returns. Acquire for the last one, who speaks for
  // all the others.
  void release() noexcept {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) none_left_.set();
  }

  // The caller has a share besides, or is a thread that the owner waits for after wait(). seq_cst:
  // against when_idle(), one of the two sees the other.
  void jobs_ended(std::uint64_t jobs) noexcept {
    const std::uint64_t before = count_.fetch_sub(jobs * one_job, std::memory_order_seq_cst);
    if (before == jobs * one_job) {
      none_left_.set();
    } else if (before >> 32 == jobs && somebody_waits_.load(std::memory_order_seq_cst)) {
      tell_waiters();
    }
  }

  [[nodiscard]] bool idle() const noexcept {
    return count_.load(std::memory_order_seq_cst) < one_job;
  }

  // Performs the `run` step of `waiter` when no job is left, perhaps at once; until then it has a
  // share.
  void when_idle(job& waiter) noexcept {
    add();
    {
      const std::lock_guard lock(mutex_);
      waiters_.append(waiter);
      somebody_waits_.store(true, std::memory_order_seq_cst);
    }
    if (idle()) tell_waiters();
  }

  // Takes out the waiters for which `condition(job&)` holds; each keeps its share.
  template <class Condition>
  void remove_waiters(Condition&& condition, job_batch& all) noexcept {
    const std::lock_guard lock(mutex_);
    for (job* one = waiters_.first; one != nullptr;) {
      job* const after = one->following();
      if (condition(*one)) {
        waiters_.remove(*one);
        all.append(*one);
      }
      one = after;
    }
  }

  // Gives up the owner's share and waits for the others. Called once, by the destructor.
  void wait() {
    release();
    none_left_.wait();
  }

 private:
  static constexpr std::uint64_t one_job = std::uint64_t{1} << 32;

  void tell_waiters() noexcept {
    job_batch all;
    {
      const std::lock_guard lock(mutex_);
      // A job may have come since, and somebody who waits for it; its end will tell all.
      if (!idle()) return;
      all = std::exchange(waiters_, {});
      somebody_waits_.store(false, std::memory_order_relaxed);
    }
    while (!all.empty()) {
      all.pop().perform(job::step::run);
      release();
    }
  }

  // A line of its own: submitting threads and workers write it while they read their pool.
  alignas(64) std::atomic<std::uint64_t> count_{1};
  std::atomic<bool> somebody_waits_{false};
  event none_left_;
  std::mutex mutex_;
  job_batch waiters_;
};

}  // namespace millrace::detail
