#pragma once

namespace millrace::detail {

class job;

// The inbox of an execution context, as an operation sees it that will come back there.
class job_home {
 public:
  job_home(const job_home&) = delete;
  job_home& operator=(const job_home&) = delete;

  // An address to compare.
  [[nodiscard]] const void* id() const noexcept { return this; }

  // Any thread: `done` is ready for its handler.
  virtual void publish(job& done) noexcept = 0;

  // One of the context's threads: an operation is done with, its handler was called or dropped.
  virtual void received() noexcept = 0;

 protected:
  job_home() = default;
  ~job_home() = default;
};

}  // namespace millrace::detail
