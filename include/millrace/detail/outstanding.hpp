#pragma once

#include <atomic>
#include <cstddef>

#include "millrace/detail/event.hpp"

namespace millrace::detail {

// Jobs and tracked executors that a pool still has to see end. oneTBB keeps no such count that its
// destructor would wait for.
//
// The count starts at 1, the owner's own share: it reaches 0 once in the life of a pool, so only
// the very last release touches the event, and nothing after that release touches the pool.
class outstanding_count {
 public:
  // Relaxed: whoever adds holds a share already, or is the owner.
  void add() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }

  // Release: what the job did happens before wait() returns. Acquire for the last one, who speaks
  // for all the others.
  void release(std::size_t shares = 1) noexcept {
    if (count_.fetch_sub(shares, std::memory_order_acq_rel) == shares) none_left_.set();
  }

  // Gives up the owner's share and waits for the others. Called once, by the destructor.
  void wait() {
    release();
    none_left_.wait();
  }

 private:
  // A line of its own: submitting threads and workers write it while they read their pool.
  alignas(64) std::atomic<std::size_t> count_{1};
  event none_left_;
};

}  // namespace millrace::detail
