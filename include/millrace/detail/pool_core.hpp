#pragma once

#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/deadline_timer.hpp"
#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/fork_place.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/ways_home.hpp"
#include "millrace/detail/worker_frame.hpp"

namespace millrace::detail {

// What every operation needs of its pool: workers to run on, somebody to tell, and a count that
// keeps the pool alive until it has ended.
//
// A job's way: counted (`submit`), perhaps parked in the gate, in the pump, taken by a worker
// (`started`, `finished`). Until a worker takes it, it may be removed, by whoever comes first: its
// canceller, the timer, `shutdown`, its home context. Who does performs one of the steps in place
// of `run`, which ends in `unstarted` and `ended`.
//
// Abstract, so that a file that only starts operations doesn't compile the pool behind them, which
// takes longer than all the rest: pool_engine is generated where a pool is made. Three calls of a
// job's way are virtual: `submit`, `started`, `finished`.
template <InstrumentationPolicy Instrumentation>
class pool_core {
 public:
  using record = typename Instrumentation::record;

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  [[nodiscard]] const ComputeConfig& config() const noexcept { return config_; }
  // Of the pool as an execution context, to compare.
  [[nodiscard]] const void* context() const noexcept { return context_; }
  [[nodiscard]] pool_id id() const noexcept { return this; }

  [[nodiscard]] pool_ways ways() const noexcept { return {&ways_, config_.idle_spin}; }

  // Of the calling thread.
  [[nodiscard]] worker_frame& frame() const noexcept { return frame_(); }

  [[nodiscard]] fork_place_function fork_places() const noexcept { return fork_places_; }

  // True on this pool's threads, and on one of another pool whose job one of them waits for.
  [[nodiscard]] bool inside() const noexcept { return frame().works_for(id()); }

  // True on this pool's threads only.
  [[nodiscard]] bool on_worker() const noexcept { return frame().pool == id(); }

  // The same, unless it is a copy of that thread in a forked child.
  [[nodiscard]] bool on_own_thread() const noexcept { return on_worker() && !forked(); }

  // Throws errc::used_after_fork in a child of the process that made the pool.
  void require_same_process() const {
    if (forked()) throw_used_after_fork();
  }

  // Shuts down, waits for every job, and ends the threads. What the executor is given from now on
  // is kept for drop_left().
  virtual void close() noexcept = 0;
  // After close(). Destroys what nobody will run: each function object may give the executor more.
  virtual void drop_left() noexcept = 0;
  // Operations that haven't begun complete with errc::pool_shut_down, and so do later ones.
  virtual void shutdown() noexcept = 0;

  // Counts the job and sends it to a worker, or has it performed otherwise. The pool is kept until
  // the job returns to the worker, or says that it has ended.
  virtual void submit(job& next, record& its) noexcept = 0;
  // The same for what is neither bounded nor refused, and goes before the jobs that wait: a signal
  // that is to cancel one of them may come this way.
  virtual void submit_lasting(job& next, record& its) noexcept = 0;
  // The same for a job that runs on the calling thread; it must say that it has ended.
  virtual void enter(record& its) noexcept = 0;

  // Throws what the policy throws.
  virtual void labelled(record& its, std::string_view label) = 0;
  virtual void started(job& one, record& its) noexcept = 0;
  virtual void finished(record& its, bool failed) noexcept = 0;
  // Instead of both. What the operation completes with.
  virtual std::exception_ptr unstarted(job& one, record& its, job::end why) noexcept = 0;
  // The handler is about to run, if the policy wants to know. The pool may be gone.
  static void resuming([[maybe_unused]] record& its) noexcept {
    if constexpr (requires { its.resuming(); }) its.resuming();
  }
  // A job ends that no worker was given to run. The pool may be gone when this returns.
  virtual void ended() noexcept = 0;

  // Takes out a job that no worker has taken. True: it is the caller's.
  [[nodiscard]] virtual bool remove(job& one) noexcept = 0;
  // The same for a job that may be on its way from here to there. False: it has been taken.
  [[nodiscard]] virtual bool find_and_remove(job& one) noexcept = 0;
  // Gives up a job that the caller has removed, or that the pool hasn't taken.
  virtual void give_up(job& one, job::end why) noexcept = 0;

  // Throws std::system_error if there can be no thread for it.
  [[nodiscard]] virtual deadline_timer& timer() = 0;

  [[nodiscard]] virtual bool is_idle() const noexcept = 0;
  // Performs the `run` step of `waiter` when no job is left, perhaps at once.
  virtual void when_idle(job& waiter) noexcept = 0;
  virtual void add_work() noexcept = 0;
  virtual void remove_work() noexcept = 0;

 protected:
  pool_core(ComputeConfig config, const void* context, const ways_home& ways)
      : config_(std::move(config)), context_(context), ways_(ways) {}
  ~pool_core() = default;

  [[nodiscard]] bool forked() const noexcept { return fork_generation() != born_; }

  const ComputeConfig config_;

 private:
  [[noreturn]] virtual void throw_used_after_fork() const = 0;

  const void* const context_;
  const ways_home& ways_;
  const std::uint32_t born_ = fork_generation();
  // Of the shared object that makes the pool, whose threads these are.
  const frame_function frame_ = &frame_of_this_thread;
  const fork_place_function fork_places_ = &fork_place_of_this_thread;
};

}  // namespace millrace::detail
