#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/arena.hpp"
#include "millrace/detail/deadline_timer.hpp"
#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/gate.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/live_pools.hpp"
#include "millrace/detail/outstanding.hpp"
#include "millrace/detail/placement.hpp"
#include "millrace/detail/pump.hpp"
#include "millrace/detail/worker_frame.hpp"
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

  explicit pool_core(ComputeConfig config)
      : config_(validated(std::move(config))),
        instrumentation_(config_),
        gate_(config_.max_pending,
              config_.overflow == Overflow::wait ? gate::when_full::wait : gate::when_full::reject),
        arena_(config_.threads, config_.stack_size, config_.thread_name, placement_of(config_)),
        pump_(arena_.get(), config_.threads, config_.idle_spin, outstanding_) {
    live_pools::add(*this);
  }

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // After close().
  ~pool_core() {
    if (forked()) {
      // The threads that these would wait for are the parent's.
      static_cast<void>(timer_.release());
      arena_.leak();
    }
  }

  // Shuts down and waits for every job and tracked executor: oneTBB doesn't.
  void close() noexcept {
    if (forked()) return;
    shutdown();
    outstanding_.wait();
    live_pools::remove(*this);
  }

  // Operations that haven't begun complete with errc::pool_shut_down, and so do later ones.
  void shutdown() noexcept {
    if (forked()) return;
    closed_.store(true, std::memory_order_seq_cst);
    refuse([](job& one) { return !one.lasting; });
  }

  [[nodiscard]] const ComputeConfig& config() const noexcept { return config_; }
  [[nodiscard]] const Instrumentation& instrumentation() const noexcept { return instrumentation_; }

  // True on this pool's workers, and on a worker of another pool whose job one of them waits for.
  [[nodiscard]] bool inside() const noexcept { return works_for(arena_.get().id()); }

  // True on this pool's workers only.
  [[nodiscard]] bool on_worker() const noexcept { return this_worker.pool == arena_.get().id(); }

  // Throws errc::used_after_fork in a child of the process that made the pool.
  void require_same_process() const {
    if (forked()) throw_used_after_fork();
  }

  // Throws std::system_error if there can be no thread for it.
  [[nodiscard]] deadline_timer& timer() {
    std::call_once(timer_made_, [this] { timer_ = std::make_unique<deadline_timer>(); });
    return *timer_;
  }

  // Counts the job and sends it to a worker, or has it performed otherwise. The pool is kept until
  // the job returns to the worker, or says that it has ended.
  void submit(job& next, record& its) noexcept {
    enter(its);
    if (closed_.load(std::memory_order_relaxed)) return next.perform(job::step::refuse);
    if (gate_.bounded()) {
      switch (gate_.enter(next)) {
        case gate::entry::open:
          break;
        case gate::entry::parked:
          return;
        case gate::entry::full:
          return next.perform(job::step::reject);
      }
    }
    pump_.submit(next);
  }

  // The same for what runs whatever happens: neither bounded nor refused.
  void submit_lasting(job& next, record& its) noexcept {
    next.lasting = true;
    enter(its);
    pump_.submit(next);
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
  // An arena that can be left as it is.
  class leakable_arena {
   public:
    template <class... Args>
    explicit leakable_arena(Args&&... args) {
      ::new (static_cast<void*>(&arena_)) arena(std::forward<Args>(args)...);
    }
    ~leakable_arena() {
      if (!leaked_) arena_.~arena();
    }
    leakable_arena(const leakable_arena&) = delete;
    leakable_arena& operator=(const leakable_arena&) = delete;

    [[nodiscard]] arena& get() noexcept { return arena_; }
    [[nodiscard]] const arena& get() const noexcept { return arena_; }
    void leak() noexcept { leaked_ = true; }

   private:
    union {
      arena arena_;
    };
    bool leaked_ = false;
  };

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

  template <class Condition>
  void refuse(Condition condition) noexcept {
    job_batch all;
    take(condition, all);
    while (!all.empty()) all.pop().perform(job::step::refuse);
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
  [[no_unique_address]] Instrumentation instrumentation_;
  const std::uint32_t born_ = fork_generation();
  std::atomic<bool> closed_{false};
  gate gate_;
  std::once_flag timer_made_;
  std::unique_ptr<deadline_timer> timer_;
  outstanding_count outstanding_;
  leakable_arena arena_;
  pump pump_;
};

}  // namespace millrace::detail
