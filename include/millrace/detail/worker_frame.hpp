#pragma once

namespace millrace::detail {

class job;
class running_job;

// Which pool's work the calling thread is doing, as an address to compare: a pool outlives its
// workers, and a worker that waits for another pool's job outlives that.
using pool_id = const void*;
inline constexpr pool_id no_pool = nullptr;

// A blocking call from one pool into another: `pool` waits, on its worker, for the job that
// carries this frame. Frames live on the waiting threads' stacks, so a job can follow them up.
struct worker_frame {
  pool_id pool = no_pool;
  const worker_frame* caller = nullptr;
  const running_job* running = nullptr;  // the innermost whose callable this thread is in

  // Does the thread whose frame this is work for `whose`, be it as its worker or on behalf of one
  // that waits?
  [[nodiscard]] bool works_for(pool_id whose) const noexcept {
    for (const worker_frame* frame = this; frame != nullptr; frame = frame->caller) {
      if (frame->pool == whose) return true;
    }
    return false;
  }

  // For all jobs that this thread is in, and those that wait for them.
  template <class Action>
  void for_each_running(Action&& action) const;
};

// Of the calling thread: the pool that it is a thread of, and the blocking calls behind its job.
//
// Asked through a pointer that each pool keeps: a shared object with hidden symbols has a variable
// of its own, and a pool that is handed to it was made, and its threads started, elsewhere.
[[gnu::visibility("default")]] [[nodiscard]] inline worker_frame& frame_of_this_thread() noexcept {
  static constinit thread_local worker_frame mine;
  return mine;
}
using frame_function = worker_frame& (*)() noexcept;

// For the time that the calling thread is in a job's callable.
class running_job {
 public:
  explicit running_job(job& one) noexcept
      : frame_(frame_of_this_thread()), outer_(frame_.running), job_(one) {
    frame_.running = this;
  }
  ~running_job() { frame_.running = outer_; }

  running_job(const running_job&) = delete;
  running_job& operator=(const running_job&) = delete;

 private:
  friend struct worker_frame;

  worker_frame& frame_;
  const running_job* const outer_;
  job& job_;
};

template <class Action>
void worker_frame::for_each_running(Action&& action) const {
  for (const worker_frame* frame = this; frame != nullptr; frame = frame->caller) {
    for (const running_job* each = frame->running; each != nullptr; each = each->outer_) {
      action(each->job_);
    }
  }
}

// For the time of one job: the blocking calls behind it.
class caller_scope {
 public:
  caller_scope(worker_frame& of_thread, const worker_frame* caller) noexcept
      : frame_(of_thread), before_(of_thread.caller) {
    frame_.caller = caller;
  }
  ~caller_scope() { frame_.caller = before_; }

  caller_scope(const caller_scope&) = delete;
  caller_scope& operator=(const caller_scope&) = delete;

 private:
  worker_frame& frame_;
  const worker_frame* before_;
};

}  // namespace millrace::detail
