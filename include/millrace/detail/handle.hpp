#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_deadline.hpp"
#include "millrace/detail/operation.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/spin_lock.hpp"
#include "millrace/detail/way_back.hpp"
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

  // The one who has claimed the job. Performs a step of `waiter` when it has ended, see wait_op;
  // `home` is where the waiter will come back to.
  void wait(job& waiter, const void* home) {
    {
      const std::lock_guard lock(mutex_);
      if (!ended()) {
        waiter_ = &waiter;
        home_ = home;
        return;
      }
    }
    waiter.perform(job::step::cancel);
  }

  // After the end, for the one who has claimed the job.
  [[nodiscard]] job_result<R>& result() noexcept { return result_; }

  [[nodiscard]] std::chrono::nanoseconds look_out() const noexcept { return look_out_; }

 protected:
  explicit spawned(std::chrono::nanoseconds look_out) noexcept : look_out_(look_out) {}
  ~spawned() = default;

  // From here on nobody touches the pool but whoever still counts as its job.
  void end(job::step how) {
    job* waiter = nullptr;
    {
      const std::lock_guard lock(mutex_);
      ended_.store(true, std::memory_order_release);
      waiter = waiter_;
    }
    if (waiter != nullptr) waiter->perform(how);
  }

  [[nodiscard]] const void* home_of_waiter() noexcept {
    const std::lock_guard lock(mutex_);
    return home_;
  }

  job_result<R> result_;
  spin_lock mutex_;  // taken inside a pool's locks, to ask for the home: nothing is taken inside it

 private:
  std::atomic<bool> claimed_{false};
  std::atomic<bool> ended_{false};  // written under the lock
  job* waiter_ = nullptr;
  const void* home_ = nullptr;
  const std::chrono::nanoseconds look_out_;
};

// The same for one callable on one pool.
template <class Core, class Body>
class spawned_job final : public job, public spawned<typename Body::result_type> {
  using base = spawned<typename Body::result_type>;
  using stop_type = job_stop<Body::stoppable>;

 public:
  spawned_job(Core& core, Body&& body, const JobOptions& options)
      : job(&spawned_job::act),
        base(core.config().idle_spin),
        core_(core),
        body_(std::move(body)),
        deadline_(core, *this, stop_, options.deadline) {
    priority = static_cast<std::uint8_t>(options.priority);
    watched = true;  // the handle may cancel from any thread
  }

  // Throws if there is no memory, or no thread for the deadlines. The pool hasn't heard of it then.
  static void start(const std::shared_ptr<spawned_job>& self, std::string_view label) {
    self->core_.labelled(self->record_, label);
    self->stop_.enable();
    self->deadline_.arm();
    self->self_ = self;
    self->core_.submit(*self, self->record_);
  }

  void cancel(cancellation_type type) noexcept override {
    if (fork_generation() != born_) return;  // the parent's workers have it
    {
      const std::lock_guard lock(this->mutex_);
      if (this->ended()) return;
      core_.add_work();  // while the job is the pool's, so the pool is there
    }
    // Neither in a queue nor begun: somebody is handing it over this moment.
    bool removed = core_.remove(*this);
    while (!removed && !begun_.load(std::memory_order_acquire)) {
      std::this_thread::yield();
      removed = core_.remove(*this);
    }
    Core& core = core_;
    if (removed) {
      perform(step::cancel);
    } else if (stops_running_jobs(type)) {
      // Begun: then total, which promises that nothing has happened, comes too late.
      std::stop_source running(stop_.source());
      running.request_stop();
    }
    core.remove_work();
  }

  void resuming() noexcept override { Core::resuming(record_); }

 private:
  static const void* act(job& from, step which) noexcept {
    auto& self = static_cast<spawned_job&>(from);
    if (which == step::home) return self.home_of_waiter();
    const std::shared_ptr<spawned_job> keep(std::move(self.self_));
    self.begun_.store(true, std::memory_order_release);
    self.deadline_.begin();
    if (which == step::run) {
      // The worker tells the pool that the job has ended, after this.
      self.run();
    } else {
      Core& core = self.core_;
      self.give_up(which);
      core.ended();
    }
    return nullptr;
  }

  void run() {
    if (deadline_.passed()) return give_up(step::expire);
    core_.started(*this, record_);
    this->result_.capture(*body_, stop_.token());
    body_.reset();  // captures end here, before anybody can see the end
    core_.finished(record_, this->result_.failed());
    deadline_.disarm();
    this->end(step::run);
  }

  void give_up(step why) {
    this->result_.fail(error_of(why));
    body_.reset();
    core_.unstarted(*this, record_, reason_of(why));
    deadline_.disarm();
    this->end(why == step::abandon ? step::drop : step::cancel);
  }

  const std::uint32_t born_ = fork_generation();
  Core& core_;
  [[no_unique_address]] typename Core::record record_;
  std::optional<Body> body_;
  [[no_unique_address]] stop_type stop_;
  job_deadline<Core, stop_type, true> deadline_;
  std::atomic<bool> begun_{false};     // a worker runs it, or somebody gives it up
  std::shared_ptr<spawned_job> self_;  // while it is the pool's
};

// The wait for a job that has a handle: the second half of an operation, whose first half was
// started without a handler.
template <class R, class Handler, class Fallback>
class wait_op final : public job {
 public:
  using handler_type = Handler;

  wait_op(std::shared_ptr<spawned<R>> whom, Handler&& handler, const Fallback& fallback)
      : job(&wait_op::act),
        whom_(std::move(whom)),
        back_(make_way_back(handler, fallback, whom_->look_out())),
        handler_(std::move(handler)) {}

  [[nodiscard]] const Handler& handler() const noexcept { return handler_; }

  // `whom` was claimed for this; a share of its own, because the wait may be over, and with it the
  // caller's, before this returns. Throws std::bad_alloc; then the handler is where it was.
  static void start(std::shared_ptr<spawned<R>> whom, Handler& handler, const Fallback& fallback) {
    // First, for it is the last that may fail and be undone.
    if (can_be_cancelled(handler)) cancel_with(handler, canceller{whom});
    std::optional<pointer> made;
    try {
      made.emplace(pointer::make(handler, whom, std::move(handler), fallback));
    } catch (...) {
      cancel_no_more(handler);
      throw;
    }
    wait_op& started = *made->release();
    whom->wait(started, started.back_.home());
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
      case step::run:  // on the worker that has run the job
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

  static void complete(pointer self) {
    const handler_way_back<Handler, Fallback> keep_working(std::move(self->back_));
    Handler handler(std::move(self->handler_));
    cancel_no_more(handler);
    if (self->waited_) self->whom_->resuming();
    job_result<R> result(std::move(self->whom_->result()));
    self.free_for(handler);
    std::move(result).deliver(std::move(handler));
  }

  bool waited_ = false;  // while the job ran, and not just fetched its result
  std::shared_ptr<spawned<R>> whom_;
  handler_way_back<Handler, Fallback> back_;
  Handler handler_;
};

}  // namespace millrace::detail
