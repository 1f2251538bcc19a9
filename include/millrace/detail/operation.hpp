#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <string_view>
#include <thread>
#include <utility>

#include "millrace/detail/giving_up.hpp"
#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_life.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/way_back.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

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
// It has one owner at a time: the initiating function, the gate, the pump, the worker that runs it
// or whoever removed it, its way back, `complete`. So there is exactly one completion, and whoever
// drops the operation destroys all of it.
template <class Core, class Body, class Handler, class Fallback, bool Timed>
class operation final : public job_life<Core, Body, Timed> {
  using base = job_life<Core, Body, Timed>;
  using step = job::step;

 public:
  using handler_type = Handler;
  using typename base::result_type;

  operation(Core& core, Body&& body, const Handler& its, handover<Handler>& handler,
            const Fallback& fallback, const JobOptions& options)
      : base(&operation::act, core, std::move(body), options),
        back_(make_way_back(its, fallback, core.ways())),
        handler_(handler.take()) {}

  [[nodiscard]] Handler& handler() noexcept { return handler_; }

  // Runs the body on a worker, later.
  static void start(operation_ptr<operation> self, std::string_view label) {
    operation& started = *self.release();
    try {
      const bool cancellable = can_be_cancelled(started.handler_);
      started.prepare(label, cancellable);
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
  static void start_inline(operation_ptr<operation> self, std::string_view label) {
    operation& started = *self.release();
    try {
      started.prepare(label, false);
    } catch (...) {
      return started.fail_to_start(std::current_exception());
    }
    Core& core = started.core_;
    core.enter(started.record_);
    static_cast<void>(started.run_body());
    deliver(&started, delivery::later);
    core.ended();
  }

 private:
  using pointer = operation_ptr<operation>;

  // Lies in the handler's cancellation slot: called on the handler's executor, and so never while
  // the operation completes there, nor afterwards.
  struct canceller {
    operation* self;
    [[no_unique_address]] decltype(std::declval<const typename base::stop_type&>().source()) stop;

    void operator()(cancellation_type type) {
      if (!self->leaving_.enter()) return;
      const bool removed = self->core_.remove(*self);
      self->leaving_.exit();
      if (removed) {  // nobody else can leave with it now
        self->core_.give_up(*self, job::end::cancelled);
      } else if (stops_running_jobs(type)) {
        // Begun: then total, which promises that nothing has happened, comes too late.
        stop.request_stop();
      }
    }
  };

  static const void* act(job& one, step which) {
    auto* const self = static_cast<operation*>(&one);
    switch (which) {
      case step::run:
        run(self);
        break;
      case step::release:
        self->leave();
        self->release(self->ended_by != job::end::abandoned && self->comes_back_through_pool());
        break;
      case step::settle:
        settle(self);
        break;
      case step::complete:
        if (self->back_.arrive(*self, handler_allocator(self->handler_))) complete(pointer(self));
        break;
      case step::drop:
        pointer{self};
        break;
      case step::home:
        return self->back_.home();
    }
    return nullptr;
  }

  // The worker tells the pool that the job has ended, after this.
  static void run(operation* self) noexcept {
    const bool ran = self->run_body();
    self->leave();
    if (!ran && self->comes_back_through_pool()) self->body_.reset();
    deliver(self, ran ? delivery::now_or_later : delivery::later);
  }

  // The callable of a job that never ran goes home with it, and is destroyed there before the
  // handler is called: who gives it up needn't be prepared for what its destructor does. But it is
  // destroyed here where "there" is a worker.
  static void settle(operation* self) noexcept {
    if (self->ended_by == job::end::abandoned) {
      pointer{self};
    } else if (!self->kept_share()) {
      deliver(self, delivery::later);
    } else {
      Core& core = self->core_;
      self->back_.leave_home();  // the pool may go now, and would wait for this one
      self->body_.reset();
      if (giving_up::current().pool_gone()) {
        pointer{self};
      } else {
        deliver(self, delivery::later);
        base::give_share_back(core);
      }
    }
  }

  [[nodiscard]] bool comes_back_through_pool() const noexcept {
    return back_.context() == this->core_.context();
  }

  // There is no memory, or no thread for the deadlines. Not thrown: a coroutine can't be told so by
  // its initiation, Asio ends the program there.
  void fail_to_start(std::exception_ptr why) noexcept {
    this->never_submitted(std::move(why));
    deliver(this, delivery::later);
  }

  void leave() noexcept {
    if (cancellable_) leaving_.leave();
  }

  // From here on the operation belongs to its way back.
  static void deliver(operation* self, delivery when) {
    self->back_.deliver(*self, when, handler_allocator(self->handler_));
  }

  // On the handler's executor: everything is out of the operation and its memory given back before
  // the handler is called, so that the handler can start the next operation in the same memory.
  static void complete(pointer owner) {
    const handler_way_back<Handler, Fallback> keep_working(std::move(owner->back_));
    if (owner->result_.failed()) owner->body_.reset();
    Handler handler(std::move(owner->handler_));
    typename pointer::freed_for self(std::move(owner), handler);
    if (self->cancellable_) cancel_no_more(handler);
    Core::resuming(self->record_);
    job_result<result_type> result(take_over(self->result_));
    self.free();
    std::move(result).deliver(std::move(handler));
  }

  bool cancellable_ = false;  // the handler's slot holds a canceller
  leaving_state leaving_;
  handler_way_back<Handler, Fallback> back_;
  Handler handler_;
};

}  // namespace millrace::detail
