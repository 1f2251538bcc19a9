#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/deadline_timer.hpp"
#include "millrace/detail/delivering.hpp"
#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/gate.hpp"
#include "millrace/detail/giving_up.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/live_pools.hpp"
#include "millrace/detail/outstanding.hpp"
#include "millrace/detail/pump.hpp"
#include "millrace/detail/worker_frame.hpp"
#include "millrace/detail/workers.hpp"
#include "millrace/error.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// What every operation needs of its pool: workers to run on, somebody to tell, and a count that
// keeps the pool alive until it has ended.
//
// A job's way: counted (`submit`), perhaps parked in the gate, in the pump, taken by a worker
// (`started`, `finished`). Until a worker takes it, it may be removed, by whoever comes first: its
// canceller, the timer, `shutdown`, its home context. Who does performs one of the steps in place
// of `run`, which ends in `unstarted` and `ended`.
template <InstrumentationPolicy Instrumentation>
class pool_core final : private live_pools::member {
 public:
  using record = typename Instrumentation::record;

  // `context` is the pool's own as an execution context, an address to compare.
  pool_core(ComputeConfig config, const void* context)
      : config_(validated(std::move(config))),
        context_(context),
        instrumentation_(config_),
        gate_(config_.max_pending,
              config_.overflow == Overflow::wait ? gate::when_full::wait : gate::when_full::reject),
        workers_(config_, this,
                 {[](void* to) noexcept { static_cast<pump*>(to)->work(); }, &pump_}),
        pump_(workers_, this, config_.idle_spin, outstanding_) {
    live_pools::add(*this);
  }

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // After close().
  ~pool_core() {
    if (forked()) {
      // The threads that these would wait for are the parent's.
      static_cast<void>(timer_.release());
      workers_.abandon();
    }
  }

  // Shuts down, waits for every job, and ends the threads. What the executor is given from now on
  // is kept for drop_left().
  void close() noexcept {
    if (forked()) return;
    shutdown();
    posts_closed_.store(true, std::memory_order_seq_cst);
    pump_.revoke_leases();
    for (std::size_t shares = giving_up::take_shares_back(this); shares != 0; --shares) ended();
    outstanding_.wait();
    // Not before: a job that runs until then may destroy a context that somebody waits for the end
    // of the jobs in.
    live_pools::remove(*this);
    workers_.stop();
  }

  // After close(). Destroys what nobody will run: each function object may give the executor more.
  void drop_left() noexcept {
    for (;;) {
      job_batch all;
      {
        const std::lock_guard lock(left_mutex_);
        all = std::exchange(left_, {});
      }
      if (all.empty()) return;
      while (!all.empty()) all.pop().perform(job::step::drop);
    }
  }

  // Operations that haven't begun complete with errc::pool_shut_down, and so do later ones.
  void shutdown() noexcept {
    if (forked()) return;
    closed_.store(true, std::memory_order_seq_cst);
    job_batch all;
    take([](job& one) { return !one.lasting; }, all);
    giving_up::all(this, all, job::end::refused);
  }

  // Gives up a job that the caller has removed, or that the pool hasn't taken.
  void give_up(job& one, job::end why) noexcept { giving_up::one(this, one, why); }

  [[nodiscard]] const ComputeConfig& config() const noexcept { return config_; }
  [[nodiscard]] const Instrumentation& instrumentation() const noexcept { return instrumentation_; }
  [[nodiscard]] const void* context() const noexcept { return context_; }

  // Of the calling thread.
  [[nodiscard]] worker_frame& frame() const noexcept { return frame_(); }

  [[nodiscard]] fork_place_function fork_places() const noexcept { return fork_places_; }

  // True on this pool's threads, and on one of another pool whose job one of them waits for.
  [[nodiscard]] bool inside() const noexcept { return frame().works_for(this); }

  // True on this pool's threads only.
  [[nodiscard]] bool on_worker() const noexcept { return frame().pool == this; }

  // The same, unless it is a copy of that thread in a forked child.
  [[nodiscard]] bool on_own_thread() const noexcept { return on_worker() && !forked(); }

  // Throws errc::used_after_fork in a child of the process that made the pool.
  void require_same_process() const {
    if (forked()) throw_used_after_fork();
  }

  // Throws std::system_error if there can be no thread for it.
  [[nodiscard]] deadline_timer& timer() {
    std::call_once(timer_made_, [this] {
      timer_ = std::make_unique<deadline_timer>([this] { workers_.begin_timer(); });
    });
    return *timer_;
  }

  // Counts the job and sends it to a worker, or has it performed otherwise. The pool is kept until
  // the job returns to the worker, or says that it has ended.
  void submit(job& next, record& its) noexcept {
    enter(its);
    if (closed_.load(std::memory_order_relaxed)) return give_up(next, job::end::refused);
    if (gate_.bounded()) {
      switch (gate_.enter(next)) {
        case gate::entry::open:
          break;
        case gate::entry::parked:
          return;
        case gate::entry::full:
          return give_up(next, job::end::rejected);
      }
    }
    pump_.submit(next);
  }

  // The same for what is neither bounded nor refused, and goes before the jobs that wait: a signal
  // that is to cancel one of them may come this way.
  void submit_lasting(job& next, record& its) noexcept {
    next.lasting = true;
    next.priority = pump::queue::urgent;
    instrumentation_.submitted(its);
    const bool welcome = !posts_closed_.load(std::memory_order_seq_cst) || delivering::now();
    // Another pool's operation may come home when the workers have gone, for it keeps the pool as
    // an execution context only.
    if (welcome && outstanding_.add_job_unless_over()) {
      pump_.submit(next);
    } else {
      const std::lock_guard lock(left_mutex_);
      left_.append(next);
    }
  }

  // The same for a job that runs on the calling thread; it must say that it has ended.
  void enter(record& its) noexcept {
    instrumentation_.submitted(its);
    outstanding_.add_job();
  }

  // Takes out a job that no worker has taken. True: it is the caller's.
  [[nodiscard]] bool remove(job& one) noexcept {
    return (gate_.bounded() && gate_.remove(one)) || pump_.remove(one);
  }

  // The same for a job that may be on its way from here to there. False: it has been taken.
  [[nodiscard]] bool find_and_remove(job& one) noexcept {
    bool removed = remove(one);
    while (!removed && !one.taken.load(std::memory_order_acquire)) {
      std::this_thread::yield();
      removed = remove(one);
    }
    return removed;
  }

  // Throws what the policy throws.
  void labelled([[maybe_unused]] record& its, [[maybe_unused]] std::string_view label) {
    if constexpr (requires { instrumentation_.labelled(its, label); }) {
      if (!label.empty()) instrumentation_.labelled(its, label);
    }
  }

  void started(job& one, record& its) noexcept {
    leave_gate(one);
    instrumentation_.started(its);
  }
  void finished(record& its, bool failed) noexcept { instrumentation_.finished(its, failed); }

  void unstarted(job& one, [[maybe_unused]] record& its, [[maybe_unused]] Unstarted why) noexcept {
    leave_gate(one);
    if constexpr (requires { instrumentation_.unstarted(its, why); }) {
      instrumentation_.unstarted(its, why);
    }
  }

  // The handler is about to run, if the policy wants to know. The pool may be gone.
  static void resuming([[maybe_unused]] record& its) noexcept {
    if constexpr (requires { its.resuming(); }) its.resuming();
  }

  // A job ends that no worker was given to run. The pool may be gone when this returns.
  void ended() noexcept {
    outstanding_.add();
    outstanding_.jobs_ended(1);
    outstanding_.release();
  }

  [[nodiscard]] bool is_idle() const noexcept { return outstanding_.idle(); }

  // Performs the `run` step of `waiter` when no job is left, perhaps at once.
  void when_idle(job& waiter) noexcept { outstanding_.when_idle(waiter); }

  void add_work() noexcept { outstanding_.add(); }
  void remove_work() noexcept { outstanding_.release(); }

 private:
  static ComputeConfig validated(ComputeConfig config) {
    config.validate();
    if (!may_make_a_pool()) throw_used_after_fork();
    return config;
  }

  [[noreturn]] static void throw_used_after_fork() {
    throw std::system_error(make_error_code(errc::used_after_fork), "millrace::ComputePool");
  }

  [[nodiscard]] bool forked() const noexcept { return fork_generation() != born_; }

  void leave_gate(job& one) noexcept {
    if (!one.gated) return;
    one.gated = false;
    pump::pushed admitted(pump_);
    gate_.left([&](job& next) { admitted.submit(next); });
  }

  void take_jobs_of(const void* home, job_batch& all) noexcept override {
    const auto comes_home = [=](job& one) { return one.home() == home; };
    take(comes_home, all);
    outstanding_.remove_waiters(comes_home, all);
  }

  // Parked ones first: removing queued ones lets others in.
  template <class Condition>
  void take(Condition condition, job_batch& all) noexcept {
    job_batch parked = gate_.remove_all(condition);
    job_batch queued = pump_.remove_all(condition);
    while (!parked.empty()) all.append(parked.pop());
    while (!queued.empty()) all.append(queued.pop());
  }

  ComputeConfig config_;
  const void* const context_;
  [[no_unique_address]] Instrumentation instrumentation_;
  const std::uint32_t born_ = fork_generation();
  std::atomic<bool> closed_{false};
  std::atomic<bool> posts_closed_{false};
  std::mutex left_mutex_;
  job_batch left_;
  gate gate_;
  std::once_flag timer_made_;
  std::unique_ptr<deadline_timer> timer_;
  outstanding_count outstanding_;
  const frame_function frame_ = &frame_of_this_thread;
  const fork_place_function fork_places_ = &fork_place_of_this_thread;
  workers workers_;
  pump pump_;
};

}  // namespace millrace::detail
