#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_deadline.hpp"
#include "millrace/detail/pool_core.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/way_back.hpp"
#include "millrace/error.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// Why a job that takes one of the steps in place of `run` never started, and what its operation
// completes with.
[[nodiscard]] inline Unstarted reason_of(job::step which) noexcept {
  switch (which) {
    case job::step::expire:
      return Unstarted::expired;
    case job::step::refuse:
    case job::step::reject:
    case job::step::starve:
      return Unstarted::rejected;
    default:
      return Unstarted::cancelled;
  }
}
[[nodiscard]] inline std::exception_ptr error_of(job::step which) noexcept {
  try {
    switch (which) {
      case job::step::expire:
        throw std::system_error(make_error_code(errc::deadline_exceeded));
      case job::step::refuse:
        throw std::system_error(make_error_code(errc::pool_shut_down));
      case job::step::reject:
        throw std::system_error(make_error_code(errc::queue_full));
      case job::step::starve:
        throw std::bad_alloc();
      default:
        throw std::system_error(operation_aborted());
    }
  } catch (...) {
    return std::current_exception();  // std::bad_alloc, if there is no memory for the message
  }
}

// Between an operation's canceller, on the handler's executor, and whoever takes the operation out
// of its pool: a worker that has run it, or one that removed it. The canceller may look into the
// pool only while the operation keeps it alive.
//
// One atomic:
//   canceller_inside  the canceller looks for the job in the pool
//   left              the operation has left its pool, or is about to: there is nothing to cancel
class leaving_state {
 public:
  // Canceller. False: too late.
  [[nodiscard]] bool enter() noexcept {
    std::uint8_t here_alone = 0;
    return state_.compare_exchange_strong(here_alone, canceller_inside, std::memory_order_acquire);
  }
  void exit() noexcept { state_.fetch_and(still_here, std::memory_order_release); }

  // The others, before the pool may forget the job. Waits for the canceller, which never takes
  // longer than the removal of one job.
  void leave() noexcept {
    std::uint8_t seen = state_.fetch_or(left, std::memory_order_acq_rel);
    while ((seen & canceller_inside) != 0) {
      std::this_thread::yield();
      seen = state_.load(std::memory_order_acquire);
    }
  }

 private:
  static constexpr std::uint8_t canceller_inside = 1;
  static constexpr std::uint8_t left = 2;
  static constexpr std::uint8_t still_here = left;

  std::atomic<std::uint8_t> state_{0};
};

// One asynchronous operation: a job on its way out, its result on the way back.
//
// `Body` is what tells the operations apart: a callable with a member type `result_type`, run once
// on a worker with a stop token. The operation has one owner at a time: the initiating function,
// the gate, the pump, the worker that runs it or whoever removed it, its way back, `complete`. So
// there is exactly one completion, and whoever drops the operation destroys all of it.
template <class Core, class Body, class Handler, class Fallback, bool Timed>
class operation final : public job {
 public:
  using handler_type = Handler;

  operation(Core& core, Body&& body, Handler&& handler, const Fallback& fallback,
            const JobOptions& options)
      : job(&operation::act),
        core_(core),
        body_(std::move(body)),
        deadline_(core, *this, stop_, options.deadline),
        back_(make_way_back(handler, fallback, core.config().idle_spin)),
        handler_(std::move(handler)) {
    priority = static_cast<std::uint8_t>(options.priority);
  }

  [[nodiscard]] const Handler& handler() const noexcept { return handler_; }

  // Runs the body on a worker, later.
  static void start(operation_ptr<operation> self, [[maybe_unused]] std::string_view label) {
    operation& started = *self.release();
    try {
      if constexpr (Timed) started.core_.labelled(started.record_, label);
      const bool cancellable = can_be_cancelled(started.handler_);
      if (cancellable || started.deadline_.is_set()) started.stop_.enable();
      started.deadline_.arm();
      // Before the job can be seen, and as the last thing that may fail: nobody takes it back.
      if (cancellable) {
        cancel_with(started.handler_, canceller{&started, started.stop_.source()});
        started.cancellable_ = true;
      }
    } catch (...) {
      return started.fail_to_start(std::current_exception());
    }
    started.core_.submit(started, started.record_);
  }

  // Runs the body on this thread, which is a worker already, and completes later. The handler's
  // thread, this one, has no time to cancel.
  static void start_inline(operation_ptr<operation> self, [[maybe_unused]] std::string_view label) {
    operation& started = *self.release();
    try {
      if constexpr (Timed) started.core_.labelled(started.record_, label);
      if (started.deadline_.is_set()) started.stop_.enable();
      started.deadline_.arm();
    } catch (...) {
      return started.fail_to_start(std::current_exception());
    }
    started.deadline_.begin();
    Core& core = started.core_;
    core.enter(started.record_);
    if (started.deadline_.passed()) {
      started.give_up(step::expire);
    } else {
      started.execute();
      started.deadline_.disarm();
      deliver(&started, delivery::later);
    }
    core.ended();
  }

 private:
  using pointer = operation_ptr<operation>;
  using stop_type = job_stop<Body::stoppable>;

  // Lies in the handler's cancellation slot: called on the handler's executor, and so never while
  // the operation completes there, nor afterwards.
  struct canceller {
    operation* self;
    [[no_unique_address]] decltype(std::declval<const stop_type&>().source()) stop;

    void operator()(cancellation_type type) {
      if (!self->leaving_.enter()) return;
      if (self->core_.remove(*self)) {
        self->leaving_.exit();  // nobody else can leave with it now
        self->perform(step::cancel);
      } else {
        self->leaving_.exit();
        // Begun: then total, which promises that nothing has happened, comes too late.
        if (stops_running_jobs(type)) stop.request_stop();
      }
    }
  };

  static const void* act(job& base, step which) {
    auto* const self = static_cast<operation*>(&base);
    switch (which) {
      case step::run:
        run(self);
        break;
      case step::complete:
        if (self->back_.arrive(*self, handler_allocator(self->handler_))) complete(pointer(self));
        break;
      case step::drop:
        pointer{self};
        break;
      case step::home:
        return self->back_.home();
      case step::abandon: {
        Core& core = self->core_;
        self->forget(which);
        pointer{self};
        core.ended();
        break;
      }
      default: {
        Core& core = self->core_;
        self->give_up(which);
        core.ended();
        break;
      }
    }
    return nullptr;
  }

  // The worker tells the pool that the job has ended, after this.
  static void run(operation* self) noexcept {
    self->deadline_.begin();
    if (self->deadline_.passed()) return self->give_up(step::expire);
    self->execute();
    self->leave();
    deliver(self, delivery::now_or_later);
  }

  void execute() noexcept {
    core_.started(*this, record_);
    result_.capture(*body_, stop_.token());
    body_.reset();  // captures end here, before anybody can see the completion
    core_.finished(record_, result_.failed());
  }

  // There is no memory, or no thread for the deadlines. Not thrown: a coroutine can't be told so by
  // its initiation, Asio ends the program there. The pool hasn't heard of the job.
  void fail_to_start(std::exception_ptr why) noexcept {
    deadline_.disarm();
    body_.reset();
    result_.fail(std::move(why));
    deliver(this, delivery::later);
  }

  // Completes without having run.
  void give_up(step why) noexcept {
    result_.fail(error_of(why));
    forget(why);
    deliver(this, delivery::later);
  }

  void forget(step why) noexcept {
    deadline_.begin();
    body_.reset();
    core_.unstarted(*this, record_, reason_of(why));
    leave();
  }

  // From here on nothing of the pool is touched but by whoever still counts as its job.
  void leave() noexcept {
    deadline_.disarm();
    if (cancellable_) leaving_.leave();
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
    if (self->cancellable_) cancel_no_more(handler);
    Core::resuming(self->record_);
    job_result<typename Body::result_type> result(std::move(self->result_));
    self.free_for(handler);
    std::move(result).deliver(std::move(handler));
  }

  bool cancellable_ = false;  // the handler's slot holds a canceller
  leaving_state leaving_;
  // What the worker touches comes first, next to the job's links: the fewer cache lines travel.
  Core& core_;
  [[no_unique_address]] typename Core::record record_;
  std::optional<Body> body_;
  job_result<typename Body::result_type> result_;
  [[no_unique_address]] stop_type stop_;
  [[no_unique_address]] job_deadline<Core, stop_type, Timed> deadline_;
  handler_way_back<Handler, Fallback> back_;
  Handler handler_;
};

}  // namespace millrace::detail
