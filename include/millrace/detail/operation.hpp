#pragma once

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
// on a worker. Ownership is a chain of exactly one: start -> arena -> run -> completion -> handler,
// so there is exactly one completion, and whoever drops the operation destroys all of it.
template <class Core, class Body, class Handler, class Fallback>
class operation final : public job {
 public:
  using handler_type = Handler;

  operation(Core& core, Body&& body, Handler&& handler, const Fallback& fallback)
      : job(&operation::run),
        core_(core),
        work_(make_handler_work(handler, fallback)),
        handler_(std::move(handler)),
        body_(std::move(body)) {}

  [[nodiscard]] const Handler& handler() const noexcept { return handler_; }
  [[nodiscard]] auto executor() const noexcept { return work_.get_executor(); }

  // Runs the body on a worker, later.
  static void start(operation_ptr<operation> self) {
    self->core_.submit(*self, self->record_);
    static_cast<void>(self.release());  // the worker owns it now, and may have freed it already
  }

  // Runs the body on this thread, which is a worker already, and completes later.
  static void start_inline(operation_ptr<operation> self) {
    Core& core = self->core_;
    core.enter(self->record_);
    self->execute();
    deliver(std::move(self), delivery::later);
    core.leave();
  }

  // On the handler's executor: everything is out of the operation and its memory given back before
  // the handler is called, so that the handler can start the next operation in the same memory.
  static void complete(operation_ptr<operation> self) {
    const handler_work<Handler, Fallback> work(std::move(self->work_));
    Handler handler(std::move(self->handler_));
    job_result<typename Body::result_type> result(std::move(self->result_));
    self.free_for(handler);
    std::move(result).deliver(std::move(handler));
  }

 private:
  static void run(job& base) noexcept {
    operation_ptr<operation> self(static_cast<operation*>(&base));
    Core& core = self->core_;  // outlives this function: leave() below is what it waits for
    self->execute();
    deliver(std::move(self), delivery::now_or_later);
    core.leave();
  }

  void execute() noexcept {
    core_.started(record_);
    result_.capture(*body_);
    body_.reset();  // captures end here, before anybody can see the completion
    core_.finished(record_, result_.failed());
  }

  Core& core_;
  handler_work<Handler, Fallback> work_;
  Handler handler_;
  std::optional<Body> body_;
  job_result<typename Body::result_type> result_;
  [[no_unique_address]] typename Core::record record_;
};

}  // namespace millrace::detail
