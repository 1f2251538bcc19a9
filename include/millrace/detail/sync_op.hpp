#pragma once

#include <cstdint>
#include <utility>

#include "millrace/detail/event.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_deadline.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/operation.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/worker_frame.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// execute_sync: a job on the stack of a caller that waits for it.
template <class Core, class Body, bool Timed>
class sync_op final : public job {
 public:
  using result_type = typename Body::result_type;

  sync_op(Core& core, Body&& body, const JobOptions& options)
      : job(&sync_op::act),
        core_(core),
        body_(std::move(body)),
        deadline_(core, *this, stop_, options.deadline) {
    priority = static_cast<std::uint8_t>(options.priority);
    if constexpr (Timed) core.labelled(record_, options.label);
  }

  // Inline for a caller who already works for the pool: waiting for it could take for ever.
  result_type operator()() {
    core_.require_same_process();
    if (deadline_.is_set()) stop_.enable();
    deadline_.arm();
    if (core_.inside()) {
      deadline_.begin();
      core_.enter(record_);
      if (deadline_.passed()) {
        give_up(step::expire);
      } else {
        execute();
      }
      core_.ended();
    } else {
      core_.submit(*this, record_);
      done_.wait();
    }
    Core::resuming(record_);
    return std::move(result_).get();
  }

 private:
  static const void* act(job& base, step which) noexcept {
    auto& self = static_cast<sync_op&>(base);
    if (which == step::home) return nullptr;
    self.deadline_.begin();
    if (which == step::run) {
      if (self.deadline_.passed()) {
        self.give_up(step::expire);
      } else {
        const caller_scope scope(&self.caller_);
        self.execute();
      }
      self.done_.set();  // the caller may leave now, and take the operation with it
      job_streak::of_this_thread().interrupt();
    } else {
      Core& core = self.core_;
      self.give_up(which);
      self.done_.set();
      core.ended();
    }
    return nullptr;
  }

  void execute() noexcept {
    core_.started(*this, record_);
    result_.capture(body_, stop_.token());
    core_.finished(record_, result_.failed());
    deadline_.disarm();
  }

  void give_up(step why) noexcept {
    result_.fail(error_of(why));
    core_.unstarted(*this, record_, reason_of(why));
    deadline_.disarm();
  }

  using stop_type = job_stop<Body::stoppable>;

  Core& core_;
  Body body_;
  job_result<result_type> result_;
  [[no_unique_address]] stop_type stop_;
  [[no_unique_address]] job_deadline<Core, stop_type, Timed> deadline_;
  const worker_frame caller_ = this_worker;
  event done_;
  [[no_unique_address]] typename Core::record record_;
};

}  // namespace millrace::detail
