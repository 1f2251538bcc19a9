#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/giving_up.hpp"
#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_life.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/spin_lock.hpp"
#include "millrace/detail/way_back.hpp"
#include "millrace/detail/ways_home.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// A job that has a handle, whatever its callable and its pool are. Shared by its handle, by the job
// itself until it has ended, and by the wait for it.
template <class R>
class spawned {
 public:
  spawned(const spawned&) = delete;
  spawned& operator=(const spawned&) = delete;

  // Only one may have the job: who waits for it, or who gives it up. False: somebody else did.
  [[nodiscard]] bool claim() noexcept { return !claimed_.exchange(true); }
  void unclaim() noexcept { claimed_ = false; }

  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }

  // Any thread, at any time; the pool may be gone.
  virtual void cancel(cancellation_type type) noexcept = 0;

  // The handler that has waited for the end is about to run.
  virtual void resuming() noexcept = 0;

  // For the one who has claimed a job that has ended: destroys its callable, if it never ran.
  virtual void end_captures() noexcept = 0;

  // The one who has claimed the job. Performs a step of `waiter` when it has ended, see wait_op;
  // `home` is where the waiter will come back to, `context` that of its executor.
  void wait(job& waiter, const void* home, const void* context) {
    {
      const std::lock_guard lock(mutex_);
      if (!ended()) {
        waiter_ = &waiter;
        home_ = home;
        context_ = context;
        return;
      }
    }
    waiter.perform(job::step::settle);
  }

  // After the end, for the one who has claimed the job.
  [[nodiscard]] job_result<R>& result() noexcept { return its_result(); }

  [[nodiscard]] const pool_ways& ways() const noexcept { return ways_; }

 protected:
  explicit spawned(const pool_ways& ways) noexcept : ways_(ways) {}
  ~spawned() = default;

  // From here on nobody touches the pool but whoever still counts as its job. `how` the waiter, if
  // there is one, hears of it.
  void mark_ended(job::step how) {
    job* waiter = nullptr;
    {
      const std::lock_guard lock(mutex_);
      ended_.store(true, std::memory_order_release);
      waiter = waiter_;
    }
    if (waiter != nullptr) waiter->perform(how);
  }

  [[nodiscard]] bool has_waiter() noexcept {
    const std::lock_guard lock(mutex_);
    return waiter_ != nullptr;
  }
  [[nodiscard]] bool has_waiter_outside(const void* context) noexcept {
    const std::lock_guard lock(mutex_);
    return waiter_ != nullptr && context_ != context;
  }

  [[nodiscard]] const void* home_of_waiter() noexcept {
    const std::lock_guard lock(mutex_);
    return home_;
  }

  // Of the job, see job_life.
  virtual job_result<R>& its_result() noexcept = 0;

  spin_lock mutex_;  // taken inside a pool's locks, to ask for the home: nothing is taken inside it

 private:
  std::atomic<bool> claimed_{false};
  std::atomic<bool> ended_{false};  // written under the lock
  job* waiter_ = nullptr;
  const void* home_ = nullptr;
  const void* context_ = nullptr;
  const pool_ways ways_;
};

// The same for one callable on one pool.
template <class Core, class Body>
class spawned_job final : public job_life<Core, Body, true>,
                          public spawned<typename Body::result_type> {
  using life = job_life<Core, Body, true>;
  using base = spawned<typename Body::result_type>;
  using step = job::step;

 public:
  spawned_job(Core& core, Body&& body, const JobOptions& options)
      : life(&spawned_job::act, core, std::move(body), options), base(core.ways()) {
    this->watched = true;  // the handle may cancel from any thread
  }

  // Throws if there is no memory, or no thread for the deadlines. The pool hasn't heard of it then.
  static void start(const std::shared_ptr<spawned_job>& self, std::string_view label) {
    try {
      self->prepare(label, true);
    } catch (...) {
      self->never_submitted(nullptr);
      throw;
    }
    self->self_ = self;
    self->core_.submit(*self, self->record_);
  }

  // What is called here is the user's, and so the pool is held only while it is looked into.
  void cancel(cancellation_type type) noexcept override {
    if (fork_generation() != born_) return;  // the parent's workers have it
    Core& core = this->core_;
    {
      const std::lock_guard lock(this->mutex_);
      if (this->ended() || released_) return;
      core.add_work();  // while the job is the pool's, so the pool is there
    }
    const bool removed = core.find_and_remove(*this);
    const std::stop_source running(this->stop_.source());
    core.remove_work();
    if (removed) {  // so the pool is still there
      core.give_up(*this, job::end::cancelled);
    } else if (stops_running_jobs(type)) {
      // Begun: then total, which promises that nothing has happened, comes too late.
      std::stop_source(running).request_stop();
    }
  }

  void resuming() noexcept override { Core::resuming(this->record_); }
  void end_captures() noexcept override { this->body_.reset(); }

 private:
  static const void* act(job& from, step which) noexcept {
    auto& self = static_cast<spawned_job&>(from);
    switch (which) {
      case step::run: {
        // The worker tells the pool that the job has ended, after this.
        const std::shared_ptr<spawned_job> keep(std::move(self.self_));
        if (self.run_body()) {
          self.mark_ended(step::run);
        } else {
          self.body_.reset();
          self.mark_ended(step::settle);
        }
        break;
      }
      case step::release:
        self.leave_pool();
        break;
      case step::settle:
        self.settle();
        break;
      case step::home:
        return self.home_of_waiter();
      default:
        break;
    }
    return nullptr;
  }

  // A handle may be asked to cancel before all has ended, when the pool is gone already: it is told
  // first.
  void leave_pool() noexcept {
    {
      const std::lock_guard lock(this->mutex_);
      released_ = true;
    }
    this->release(this->ended_by != job::end::abandoned &&
                  !this->has_waiter_outside(this->core_.context()));
  }

  // As for an operation, the callable goes home with who waits, if anybody does.
  void settle() noexcept {
    const std::shared_ptr<spawned_job> keep(std::move(self_));
    if (this->ended_by == job::end::abandoned) {
      this->body_.reset();
      return this->mark_ended(step::drop);
    }
    if (!this->has_waiter()) this->body_.reset();
    Core& core = this->core_;
    this->mark_ended(step::settle);
    if (this->kept_share()) this->give_share_back(core);
  }

  job_result<typename Body::result_type>& its_result() noexcept override { return life::result_; }

  const std::uint32_t born_ = fork_generation();
  std::shared_ptr<spawned_job> self_;  // while it is the pool's
  bool released_ = false;              // given up; under the lock
};

// The wait for a job that has a handle: the second half of an operation, whose first half was
// started without a handler.
template <class R, class Handler, class Fallback>
class wait_op final : public job {
 public:
  using handler_type = Handler;

  wait_op(std::shared_ptr<spawned<R>> whom, const Handler& its, handover<Handler>& handler,
          const Fallback& fallback)
      : job(&wait_op::act),
        whom_(std::move(whom)),
        back_(make_way_back(its, fallback, whom_->ways())),
        handler_(handler.take()) {}

  [[nodiscard]] Handler& handler() noexcept { return handler_; }

  // `whom` was claimed for this; a share of its own, because the wait may be over, and with it the
  // caller's, before this returns. Where it throws, the handler is where it was unless `giving` has
  // begun.
  static void start(std::shared_ptr<spawned<R>> whom, Handler& handler, handover<Handler>& giving,
                    const Fallback& fallback) {
    // First, for it is the last that may fail and be undone.
    if (can_be_cancelled(handler)) cancel_with(handler, canceller{whom});
    std::optional<pointer> made;
    try {
      made.emplace(pointer::make(handler, whom, handler, giving, fallback));
    } catch (...) {
      if (!giving.begun()) cancel_no_more(handler);
      throw;
    }
    wait_op& started = *made->release();
    whom->wait(started, started.back_.home(), started.back_.context());
  }

 private:
  using pointer = operation_ptr<wait_op>;

  // Lies in the handler's cancellation slot, see operation.
  struct canceller {
    std::shared_ptr<spawned<R>> whom;
    void operator()(cancellation_type type) const { whom->cancel(type); }
  };

  static const void* act(job& base, step which) {
    auto* const self = static_cast<wait_op*>(&base);
    switch (which) {
      case step::run:  // on the worker that has had the job
        self->waited_ = true;
        deliver(self, delivery::now_or_later);
        break;
      case step::complete:
        if (self->back_.arrive(*self, handler_allocator(self->handler_))) complete(pointer(self));
        break;
      case step::drop:
        pointer{self};
        break;
      case step::home:
        return self->back_.home();
      default:  // the job ended before, or was given up, on any thread
        deliver(self, delivery::later);
        break;
    }
    return nullptr;
  }

  static void deliver(wait_op* self, delivery when) {
    self->back_.deliver(*self, when, handler_allocator(self->handler_));
  }

  static void complete(pointer owner) {
    const handler_way_back<Handler, Fallback> keep_working(std::move(owner->back_));
    owner->whom_->end_captures();
    Handler handler(std::move(owner->handler_));
    typename pointer::freed_for self(std::move(owner), handler);
    cancel_no_more(handler);
    if (self->waited_) self->whom_->resuming();
    job_result<R> result(take_over(self->whom_->result()));
    self.free();
    std::move(result).deliver(std::move(handler));
  }

  bool waited_ = false;  // while the job ran, and not just fetched its result
  std::shared_ptr<spawned<R>> whom_;
  handler_way_back<Handler, Fallback> back_;
  Handler handler_;
};

}  // namespace millrace::detail
