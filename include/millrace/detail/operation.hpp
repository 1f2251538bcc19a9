#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/pool_core.hpp"
#include "millrace/detail/result.hpp"

namespace millrace::detail {

// One asynchronous operation: a job on its way out, its result on the way back.
//
// `Body` is what tells the operations apart: a callable with a member type `result_type`, run once
// on a worker. It has one owner at a time: the initiating function, the pump, the worker that runs
// it, its way back, `complete`. So there is exactly one completion, and whoever drops the operation
// destroys all of it.
template <class Core, class Body, class Handler, class Fallback>
class operation final : public job {
 public:
  using handler_type = Handler;

  operation(Core& core, Body&& body, Handler&& handler, const Fallback& fallback)
      : job(&operation::act),
        core_(core),
        body_(std::move(body)),
        back_(make_way_back(handler, fallback, core.config().idle_spin)),
        handler_(std::move(handler)) {}

  [[nodiscard]] const Handler& handler() const noexcept { return handler_; }

  // Runs the body on a worker, later.
  static void start(operation_ptr<operation> self, std::size_t priority) {
    operation& started = *self.release();
    started.core_.submit(started, started.record_, priority);
  }

  // Runs the body on this thread, which is a worker already, and completes later.
  static void start_inline(operation_ptr<operation> self) {
    Core& core = self->core_;
    core.enter(self->record_);
    self->execute();
    deliver(self.release(), delivery::later);
    core.leave();
  }

 private:
  using pointer = operation_ptr<operation>;

  static void act(job& base, step which) {
    auto* const self = static_cast<operation*>(&base);
    switch (which) {
      case step::run:
        return run(self);
      case step::complete:
        return complete(pointer(self));
      case step::drop:
        pointer{self};
        return;
    }
  }

  static void run(operation* self) noexcept {
    self->execute();
    deliver(self, delivery::now_or_later);
  }

  void execute() noexcept {
    core_.started(record_);
    result_.capture(*body_);
    body_.reset();  // captures end here, before anybody can see the completion
    core_.finished(record_, result_.failed());
  }

  // From here on the operation belongs to its way back.
  static void deliver(operation* self, delivery when) {
    self->back_.deliver(*self, when, handler_allocator(self->handler_));
  }

  // On the handler's executor: everything is out of the operation and its memory given back before
  // the handler is called, so that the handler can start the next operation in the same memory.
  static void complete(pointer self) {
    const handler_way_back<Handler, Fallback> keep_working(std::move(self->back_));
    Handler handler(std::move(self->handler_));
    job_result<typename Body::result_type> result(std::move(self->result_));
    self.free_for(handler);
    std::move(result).deliver(std::move(handler));
  }

  // What the worker touches comes first, next to the job's links: the fewer cache lines travel.
  Core& core_;
  [[no_unique_address]] typename Core::record record_;
  std::optional<Body> body_;
  job_result<typename Body::result_type> result_;
  handler_way_back<Handler, Fallback> back_;
  Handler handler_;
};

}  // namespace millrace::detail
