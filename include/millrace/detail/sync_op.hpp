#pragma once

#include <utility>

#include "millrace/detail/event.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_life.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/worker_frame.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// execute_sync: a job on the stack of a caller that waits for it.
template <class Core, class Body, bool Timed>
class sync_op final : public job_life<Core, Body, Timed> {
  using base = job_life<Core, Body, Timed>;
  using step = job::step;

 public:
  using typename base::result_type;

  sync_op(Core& core, Body&& body, const JobOptions& options)
      : base(&sync_op::act, core, std::move(body), options), caller_(core.frame()) {}

  // Inline for a caller who already works for the pool: waiting for it could take for ever.
  result_type operator()(const JobOptions& options) {
    Core& core = this->core_;
    core.require_same_process();
    this->prepare(options.label, false);
    if (core.inside()) {
      core.enter(this->record_);
      static_cast<void>(this->run_body());
      core.ended();
    } else {
      core.submit(*this, this->record_);
      done_.wait();
    }
    Core::resuming(this->record_);
    return std::move(this->result_).get();
  }

 private:
  static const void* act(job& one, step which) noexcept {
    auto& self = static_cast<sync_op&>(one);
    switch (which) {
      case step::run: {
        {
          const caller_scope scope(self.core_.frame(), &self.caller_);
          static_cast<void>(self.run_body());
        }
        self.done_.set();  // the caller may leave now, and take the operation with it
        job_streak::of_this_thread().interrupt();
        break;
      }
      case step::release:
        self.release(false);
        break;
      case step::settle:
        self.done_.set();
        break;
      default:
        break;
    }
    return nullptr;
  }

  const worker_frame caller_;
  event done_;
};

}  // namespace millrace::detail
