#pragma once

namespace millrace::detail {

// What queues, workers and loops see of an operation. A function pointer instead of a vtable: one
// load less, and no destructor that anybody could call by the base.
//
// The two links are for handoff_queue: an operation lies in one queue at a time, first on its way
// to a worker, then on its way back.
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

  job* next = nullptr;        // in the same batch, submitted after this one
  job* next_batch = nullptr;  // of a batch's first job only

 protected:
  using function = void (*)(job&, step);

  explicit job(function act) noexcept : act_(act) {}
  ~job() = default;

 private:
  function act_;
};

}  // namespace millrace::detail
