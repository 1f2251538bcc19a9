#pragma once

#include <cstdint>

namespace millrace::detail {

// Which pool's work the calling thread is doing. Pools are told apart by a number that is never
// used again: a worker may keep the number of a pool that is gone, and an address would come back.
using pool_id = std::uint64_t;
inline constexpr pool_id no_pool = 0;

// A blocking call from one pool into another: `pool` waits, on its worker, for the job that
// carries this frame. Frames live on the waiting threads' stacks, so a job can follow them up.
struct worker_frame {
  pool_id pool = no_pool;
  const worker_frame* caller = nullptr;
};

// Of the calling thread: the pool that it is a worker of, and the blocking calls behind its job.
inline thread_local worker_frame this_worker;

// Does the calling thread work for `pool`, be it as its worker or on behalf of one that waits?
[[nodiscard]] inline bool works_for(pool_id pool) noexcept {
  for (const worker_frame* frame = &this_worker; frame != nullptr; frame = frame->caller) {
    if (frame->pool == pool) return true;
  }
  return false;
}

// For the time of one job: the blocking calls behind it.
class caller_scope {
 public:
  explicit caller_scope(const worker_frame* caller) noexcept : before_(this_worker.caller) {
    this_worker.caller = caller;
  }
  ~caller_scope() { this_worker.caller = before_; }

  caller_scope(const caller_scope&) = delete;
  caller_scope& operator=(const caller_scope&) = delete;

 private:
  const worker_frame* before_;
};

}  // namespace millrace::detail
