#pragma once

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
    posted_op& self = *std::make_unique<posted_op>(core, std::forward<G>(f)).release();
    core.submit(self, self.record_);
  }

  template <class G>
  posted_op(Core& core, G&& f) : job(&posted_op::act), core_(core), f_(std::forward<G>(f)) {}

 private:
  static void act(job& base, step) noexcept {
    std::unique_ptr<posted_op> self(static_cast<posted_op*>(&base));
    Core& core = self->core_;
    core.started(self->record_);
    {
      F f(std::move(self->f_));
      std::move(f)();
    }
    core.finished(self->record_, false);
  }

  Core& core_;
  F f_;
  [[no_unique_address]] typename Core::record record_;
};

}  // namespace millrace::detail
