#pragma once

#include <asio/async_result.hpp>
#include <asio/system_executor.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/concepts.hpp"
#include "millrace/detail/execute_op.hpp"
#include "millrace/detail/handle.hpp"
#include "millrace/detail/refusals.hpp"
#include "millrace/error.hpp"
#include "millrace/executor.hpp"
#include "millrace/job_options.hpp"

namespace millrace {

/// A job that was started by `spawn`, to be awaited later.
///
/// Owns the job's result, and the decision what becomes of the job: it is awaited (`async_wait`) or
/// left to itself (`detach`); a handle that goes without either cancels its job, as Asio's
/// `experimental::promise` does. That job's result is nobody's, so no worker should be kept busy
/// with it.
///
/// - **Captures by reference**: what the job borrows must live until the job has ended. That is
///   certain where a wait for it has completed, or was dropped with its context: either comes after
///   the job. It is *not* where the handle goes without having been awaited, be it because an
///   exception passes by: the destructor asks the job to stop and doesn't wait for it. Let the job
///   own what it needs, or `execute` it.
/// - **Lifetime:** may outlive the pool and any context. A pool that is shut down or destroyed
/// gives
///   up jobs that haven't begun (`errc::pool_shut_down`) and waits for those that run; the result
///   of either can be awaited afterwards.
/// - **Thread safety:** `cancel` and `ready` from any thread at any time; the others as for any
///   object.
///
/// `R` as in `job_result_t`.
template <class R>
class [[nodiscard]] ComputeHandle {
 public:
  using value_type = R;

  /// A handle without a job.
  ComputeHandle() noexcept = default;

  /// For `spawn`.
  explicit ComputeHandle(std::shared_ptr<detail::spawned<R>> job) noexcept : job_(std::move(job)) {}

  /// The other one has no job then.
  ComputeHandle(ComputeHandle&& other) noexcept = default;

  /// Cancels the job that this had, if nobody awaits it.
  ComputeHandle& operator=(ComputeHandle&& other) noexcept {
    ComputeHandle taken(std::move(other));
    job_.swap(taken.job_);
    return *this;
  }

  /// Cancels the job if it was neither awaited nor detached; doesn't wait for it. Where the job has
  /// ended, its result is destroyed here.
  ~ComputeHandle() {
    if (job_ != nullptr && job_->claim()) job_->cancel(detail::cancellation_type::terminal);
  }

  /// Waits for the job and takes its result. Once.
  ///
  /// **Resumes on:** the handler's associated executor, which need not be of the context that
  /// spawned the job; a handler without one runs on the worker that ran the job, or, where the job
  /// has ended before, on a thread of Asio's `system_executor`. Never inside the initiating call.
  /// **Completes:** when the job has ended, perhaps long before, with what it returned or threw, or
  /// with one of the pool's own errors, see `ComputePool`. With `errc::handle_spent` where there is
  /// nothing to wait for: the handle was awaited before, or had no job, or is gone.
  /// **Cancellation:** cancels the job, as for `execute`.
  /// **A context that goes:** as for `execute`: if the job hasn't begun, it never runs; if it runs,
  /// the context waits for it; then the handler is destroyed without being called.
  /// **Lifetime:** the operation needs the handle until it is initiated, not longer.
  /// **Allocation:** the operation, by the handler's associated allocator, freed before the handler
  /// is called. **Example:** examples/10_handles.cpp
  template <class Token = asio::use_awaitable_t<>>
  [[nodiscard]] auto async_wait(Token&& token = Token()) {
    using signature = typename detail::completion_signature<R>::type;
    return asio::async_initiate<Token, signature>(initiation{job_}, token);
  }

  /// True once the job has ended, in whatever way, so that a wait won't take long; stays true.
  /// False without a job.
  [[nodiscard]] bool ready() const noexcept { return job_ != nullptr && job_->ended(); }

  /// Asks for the end of the job: if it hasn't begun it never runs, and a wait for it completes
  /// with `asio::error::operation_aborted`, without waiting for a worker. If it runs, its
  /// `std::stop_token` is requested, on this thread, and it ends as it will. Else nothing.
  ///
  /// Also while the job is awaited, and more than once.
  void cancel() noexcept {
    if (job_ != nullptr) job_->cancel(detail::cancellation_type::terminal);
  }

  /// Leaves the job to itself: it runs to its end, its result and what it throws are dropped. The
  /// pool's metrics still tell of it. The handle has no job then.
  void detach() noexcept {
    if (job_ != nullptr) static_cast<void>(job_->claim());
    job_.reset();
  }

  /// True if there is a job: one that was spawned, and not moved away or detached.
  [[nodiscard]] bool valid() const noexcept { return job_ != nullptr; }

 private:
  struct initiation {
    using executor_type = asio::system_executor;
    std::shared_ptr<detail::spawned<R>> job;

    [[nodiscard]] executor_type get_executor() const noexcept { return {}; }

    template <class Handler>
    void operator()(Handler&& token_handler) const {
      using handler_type = std::decay_t<Handler>;
      handler_type handler(std::forward<Handler>(token_handler));
      std::exception_ptr failed;
      if (job == nullptr || !job->claim()) {
        failed = std::make_exception_ptr(std::system_error(make_error_code(errc::handle_spent)));
      } else {
        detail::handover<handler_type> giving(handler);
        try {
          return detail::wait_op<R, handler_type, executor_type>::start(job, handler, giving,
                                                                        get_executor());
        } catch (...) {
          job->unclaim();
          if (giving.begun()) throw;
          failed = std::current_exception();
        }
      }
      detail::fail_later<detail::job_result<R>>(std::move(handler), get_executor(),
                                                std::move(failed));
    }
  };

  std::shared_ptr<detail::spawned<R>> job_;
};

/// Starts a job now, to be awaited later: the handle's `async_wait` gives what `f` returns or
/// throws.
///
/// `f()` or `f(std::stop_token)`. **Runs on:** a worker of `pool`, as for `ComputePool::execute`.
/// **Errors:** what the pool decides arrives where the handle is awaited: `errc::pool_shut_down`,
/// `errc::queue_full`, `errc::deadline_exceeded`. Thrown here: `std::bad_alloc`,
/// `std::system_error` if there is no thread for the pool's first deadline, and
/// `errc::used_after_fork`; such a job never runs. **Thread safety:** any thread.
/// **Allocation:** the job, from the heap, and the state of its `std::stop_token` if it takes one.
///
/// Call it as `millrace::spawn`: Asio has a function of that name, too.
/// **Example:** examples/10_handles.cpp
template <class Instrumentation, Job F>
[[nodiscard]] ComputeHandle<job_result_t<F>> spawn(ComputePool<Instrumentation>& pool,
                                                   JobOptions options, F&& f) {
  using body = detail::execute_body<std::decay_t<F>>;
  using job = detail::spawned_job<detail::pool_core<Instrumentation>, body>;
  auto& core = detail::pool_access::core_of(pool.get_executor());
  core.require_same_process();
  auto made =
      std::make_shared<job>(core, body(detail::kept_job<void>(std::forward<F>(f))), options);
  job::start(made, options.label);
  return ComputeHandle<job_result_t<F>>(std::move(made));
}
template <class Instrumentation, Job F>
[[nodiscard]] ComputeHandle<job_result_t<F>> spawn(ComputePool<Instrumentation>& pool, F&& f) {
  return millrace::spawn(pool, JobOptions(), std::forward<F>(f));
}

}  // namespace millrace
