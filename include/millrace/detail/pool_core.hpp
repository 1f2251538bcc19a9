#pragma once

#include <cstddef>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/arena.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/outstanding.hpp"
#include "millrace/detail/pump.hpp"
#include "millrace/detail/worker_frame.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// What every operation needs of its pool: workers to run on, somebody to tell, and a count that
// keeps the pool alive until it has ended.
template <InstrumentationPolicy Instrumentation>
class pool_core {
 public:
  using record = typename Instrumentation::record;
  static constexpr std::size_t normal_priority = static_cast<std::size_t>(Priority::normal);

  explicit pool_core(ComputeConfig config)
      : config_(validated(std::move(config))),
        instrumentation_(config_),
        arena_(config_.threads, config_.stack_size, config_.thread_name),
        pump_(arena_, config_.threads, config_.idle_spin, outstanding_) {}

  pool_core(const pool_core&) = delete;
  pool_core& operator=(const pool_core&) = delete;

  // Waits for every job and tracked executor: oneTBB doesn't.
  ~pool_core() { outstanding_.wait(); }

  [[nodiscard]] const ComputeConfig& config() const noexcept { return config_; }
  [[nodiscard]] const Instrumentation& instrumentation() const noexcept { return instrumentation_; }

  // True on this pool's workers, and on a worker of another pool whose job one of them waits for.
  [[nodiscard]] bool inside() const noexcept { return works_for(arena_.id()); }

  // True on this pool's workers only.
  [[nodiscard]] bool on_worker() const noexcept { return this_worker.pool == arena_.id(); }

  // Counts the job and sends it to a worker. It must call started and finished in turn. The pool
  // is kept until the job returns to the worker.
  void submit(job& next, record& its, std::size_t priority = normal_priority) noexcept {
    instrumentation_.submitted(its);
    pump_.submit(next, priority);
  }

  // The same for a job that runs on the calling thread: leave() ends what enter() began, and the
  // pool may be gone when it returns.
  void enter(record& its) noexcept {
    add_work();
    instrumentation_.submitted(its);
  }
  void leave() noexcept { remove_work(); }

  void started(record& its) noexcept { instrumentation_.started(its); }
  void finished(record& its, bool failed) noexcept { instrumentation_.finished(its, failed); }

  void add_work() noexcept { outstanding_.add(); }
  void remove_work() noexcept { outstanding_.release(); }

 private:
  static ComputeConfig validated(ComputeConfig config) {
    config.validate();
    return config;
  }

  ComputeConfig config_;
  [[no_unique_address]] Instrumentation instrumentation_;
  outstanding_count outstanding_;
  arena arena_;
  pump pump_;
};

}  // namespace millrace::detail
