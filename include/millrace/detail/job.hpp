#pragma once

namespace millrace::detail {

// What queues and workers see of an operation: something to run once, on a worker. A function
// pointer instead of a vtable: one load less, and no destructor that anybody could call by the
// base.
class job {
 public:
  // Ends the job's life, whatever the outcome: the caller must not touch it afterwards.
  void run() noexcept { run_(*this); }

  job(const job&) = delete;
  job& operator=(const job&) = delete;

 protected:
  using run_function = void (*)(job&) noexcept;

  explicit job(run_function function) noexcept : run_(function) {}
  ~job() = default;

 private:
  run_function run_;
};

}  // namespace millrace::detail
