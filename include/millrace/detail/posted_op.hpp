#pragma once

#include <exception>
#include <memory>
#include <utility>

#include "millrace/detail/job.hpp"

namespace millrace::detail {

// What the pool's executor is given: a function object without a completion. One that throws ends
// the program, as on asio::thread_pool: there is nobody to hand the exception to.
template <class Core, class F>
class posted_op final : public job {
 public:
  template <class G>
  static void start(Core& core, G&& f) {
    core.require_same_process();
    posted_op& self = *std::make_unique<posted_op>(core, std::forward<G>(f)).release();
    core.submit_lasting(self, self.record_);
  }

  template <class G>
  posted_op(Core& core, G&& f) : job(&posted_op::act), core_(core), f_(std::forward<G>(f)) {
    priority = 1;
  }

 private:
  static const void* act(job& base, step which) noexcept {
    auto* const itself = static_cast<posted_op*>(&base);
    if (which == step::run) {
      std::unique_ptr<posted_op> self(itself);
      Core& core = self->core_;
      core.started(*self, self->record_);
      {
        F f(std::move(self->f_));
        std::move(f)();
      }
      core.finished(self->record_, false);
    } else if (which != step::home) {
      std::terminate();  // no memory to call a worker with, and nobody to tell
    }
    return nullptr;
  }

  Core& core_;
  F f_;
  [[no_unique_address]] typename Core::record record_;
};

}  // namespace millrace::detail
