#pragma once

#include <utility>

#include "millrace/detail/event.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/worker_frame.hpp"

namespace millrace::detail {

// execute_sync: a job on the stack of a caller that waits for it.
template <class Core, class Body>
class sync_op final : public job {
 public:
  using result_type = typename Body::result_type;

  sync_op(Core& core, Body&& body) : job(&sync_op::act), core_(core), body_(std::move(body)) {}

  // Inline for a caller who already works for the pool: waiting for it could take for ever.
  result_type operator()() {
    if (core_.inside()) {
      core_.enter(record_);
      execute();
      core_.leave();
    } else {
      core_.submit(*this, record_);
      done_.wait();
    }
    return std::move(result_).get();
  }

 private:
  static void act(job& base, step) noexcept {
    auto& self = static_cast<sync_op&>(base);
    {
      const caller_scope scope(&self.caller_);
      self.execute();
    }
    self.done_.set();  // the caller may leave now, and take the operation with it
    job_streak::of_this_thread().interrupt();
  }

  void execute() noexcept {
    core_.started(record_);
    result_.capture(body_);
    core_.finished(record_, result_.failed());
  }

  Core& core_;
  Body body_;
  job_result<result_type> result_;
  const worker_frame caller_ = this_worker;
  event done_;
  [[no_unique_address]] typename Core::record record_;
};

}  // namespace millrace::detail
