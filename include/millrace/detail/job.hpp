#pragma once

#include <atomic>

namespace millrace::detail {

// What queues, workers and loops see of an operation. A function pointer instead of a vtable: one
// load less, and no destructor that anybody could call by the base.
//
// The two links are for the queues: an operation lies in one at a time, in a handoff_queue on its
// way to a worker, in a finished_queue on its way back.
class job {
 public:
  enum class step {
    run,       // on a worker
    complete,  // on the handler's executor, or on a thread from which to get there
    drop,      // instead of either: destroy the operation, call nobody
  };

  // Each step hands the job over: the caller must not touch it afterwards.
  void perform(step which) { act_(*this, which); }

  job(const job&) = delete;
  job& operator=(const job&) = delete;

  // The one after this. Atomic for finished_queue's sake; in a handoff_queue it is the next of the
  // same batch, and read and written by its owner only.
  std::atomic<job*> next{nullptr};
  job* next_batch = nullptr;  // of a batch's first job only

  [[nodiscard]] job* following() const noexcept { return next.load(std::memory_order_relaxed); }
  void follow_with(job* one) noexcept { next.store(one, std::memory_order_relaxed); }

 protected:
  using function = void (*)(job&, step);

  explicit job(function act) noexcept : act_(act) {}
  ~job() = default;

 private:
  function act_;
};

}  // namespace millrace::detail
