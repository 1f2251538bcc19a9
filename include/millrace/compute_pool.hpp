#pragma once

#include <asio/async_result.hpp>
#include <asio/execution_context.hpp>
#include <asio/use_awaitable.hpp>
#include <concepts>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/execute_op.hpp"
#include "millrace/detail/initiation.hpp"
#include "millrace/detail/install_op.hpp"
#include "millrace/detail/join_op.hpp"
#include "millrace/detail/pool_core.hpp"
#include "millrace/detail/pool_engine.hpp"
#include "millrace/detail/refusals.hpp"
#include "millrace/detail/scoped_op.hpp"
#include "millrace/detail/sync_op.hpp"
#include "millrace/executor.hpp"
#include "millrace/instrumentation.hpp"
#include "millrace/job_options.hpp"
#include "millrace/metrics.hpp"
#include "millrace/scope.hpp"

namespace millrace {

namespace detail {

template <class R>
struct completion_signature {
  using type = void(std::exception_ptr, R);
};
template <>
struct completion_signature<void> {
  using type = void(std::exception_ptr);
};

// join's arguments: all callables, or callables and a token that can't be called with nothing.
template <class Last>
inline constexpr bool is_token = !std::invocable<std::decay_t<Last>&&>;

}  // namespace detail

/// A work-stealing pool for computation, for services that do their I/O with Asio.
///
/// Every operation is an Asio asynchronous operation: it takes a completion token, by default
/// `asio::use_awaitable`, so that `co_await pool.execute(f)` is the value of `f()`. The thread that
/// starts an operation neither runs nor waits for the computation.
///
/// What holds for all operations, unless they say otherwise:
/// - `JobOptions` may come before the callable.
/// - **Runs on:** a worker of this pool, by priority and then first come first served. Jobs are not
///   stolen: a worker that waits inside one job never takes up another.
/// - **Resumes on:** the handler's associated executor, for a coroutine its own. A handler without
///   one runs on a worker. Never inside the initiating call.
/// - **Completes:** exactly once, with `void(std::exception_ptr, R)`, or `void(std::exception_ptr)`
///   for `void`; `R` as in `job_value_t`. What the job throws arrives as it was thrown. When it
///   throws and `R` has no default constructor, a handler that takes an `R` isn't called: the
///   exception leaves the `run()` that would have called it. Coroutines and futures are not
///   concerned.
/// - **Errors of the pool's own:** `std::system_error` with `asio::error::operation_aborted`, or
///   `errc::deadline_exceeded`, `errc::queue_full`, `errc::pool_shut_down`; such a job has not
///   begun. `std::bad_alloc` where there is no memory for the operation, or the system gives no
///   thread for a worker and none is there; thrown by the initiating call if there isn't even
///   memory to tell the handler so. The call itself throws `errc::used_after_fork` in a forked
///   child.
/// - **Cancellation**, by the handler's associated slot: a job that has not begun never runs, and
///   completes with `operation_aborted` without waiting for a worker. For one that runs, terminal
///   and partial request its `std::stop_token`, and total does nothing; the operation completes
///   when the job ends, with what that returns or throws. The slot is cleared before the handler is
///   called.
/// - **Deadline**, in `JobOptions`: the same, with `errc::deadline_exceeded` for a job that has not
///   begun. Told by a thread of the pool that the first job with a deadline starts.
/// - **Lifetime:** the callable is moved into the operation and destroyed on the worker before the
///   completion can be observed. Where it never runs, it is destroyed where the handler is called,
///   right before that; for a handler that runs on a worker, by the thread that gives the job up.
///   The handler's executor counts as having work until the handler has returned.
/// - **A context that goes** while jobs are out: those that have not begun are dropped and never
///   run, those that run are waited for, and then the handlers are destroyed without being called.
///   Captures by reference into a coroutine's frame are safe to the end of the job. (Handlers whose
///   executor doesn't tell its context are not waited for.)
/// - **Thread safety:** any thread may start operations at any time.
/// - **Allocation:** the operation, by the handler's associated allocator, freed before the handler
///   is called (the shared state of a `std::stop_token` comes from the heap, for callables that
///   take one, if the operation can be cancelled or has a deadline); where that is
///   `std::allocator`, from a cache of the thread. To handlers of an `io_context` or `thread_pool`
///   the way back allocates nothing; else what Asio needs to reach the handler's executor.
///
/// A job must not block on another job of its own pool, which may never get a worker:
/// `execute_sync` knows this case, a future's `get()` doesn't.
///
/// `Instrumentation` sees the life of each job: `ComputeMetrics`, `NoMetrics` or your own.
template <InstrumentationPolicy Instrumentation = ComputeMetrics>
class ComputePool : public asio::execution_context {
 public:
  using executor_type = PoolExecutor<Instrumentation>;
  using default_token = asio::use_awaitable_t<>;

  /// Makes the pool; each of its threads starts when it is first needed.
  ///
  /// The threads are the pool's own: `threads` workers, and for fork-join up to as many helpers
  /// less one, which run no jobs. oneTBB's own threads and limits don't matter to them. They block
  /// all signals but those of their own faults.
  ///
  /// Throws `std::invalid_argument` for a configuration that `ComputeConfig::validate` refuses;
  /// `std::system_error` with `errc::placement_refused` if the system denies the workers their CPUs
  /// or nice value, `errc::used_after_fork` in a child of a process that has had a pool;
  /// `std::bad_alloc`.
  explicit ComputePool(ComputeConfig config = {})
      : engine_(std::move(config), static_cast<asio::execution_context*>(this)) {}

  /// Shuts the pool down, waits for the jobs that run and for what its executor was given before,
  /// ends its threads, and then shuts down its services, as every execution context does.
  ///
  /// What is merely suspended on its executor is destroyed, and so is what the executor is given
  /// meanwhile, as by `asio::thread_pool`'s destructor; `async_drain` and the coroutines' own ends
  /// are for waiting. Handlers of other contexts are not waited for: they get their completions
  /// later, and need no pool for it. May run anywhere but on one of the pool's own threads, in a
  /// job or in a handler without executor: there it would wait for itself, so it says so on stderr
  /// and ends the program. In a child of a fork it waits for nothing, and leaves the workers'
  /// memory as it is.
  ~ComputePool() {
    if (core_.on_own_thread()) {
      std::fputs(
          "millrace::ComputePool: destroyed by a job of its own, which would wait for itself\n",
          stderr);
      std::terminate();
    }
    core_.close();
    asio::execution_context::shutdown();
    core_.drop_left();
    asio::execution_context::destroy();
    core_.drop_left();
  }

  /// Runs one job.
  ///
  /// `f()` or `f(std::stop_token)`. **Runs on:** a worker; oneTBB's algorithms in `f` run on that
  /// one alone, see `install`. **Completes:** with what `f` returns or throws. Else as said at the
  /// class. **Example:** examples/01_execute.cpp
  template <Job F, class Token = default_token>
  [[nodiscard]] auto execute(F&& f, Token&& token = Token()) {
    return start_execute(std::forward<F>(f), std::forward<Token>(token), no_options());
  }
  template <Job F, class Token = default_token>
  [[nodiscard]] auto execute(JobOptions options, F&& f, Token&& token = Token()) {
    return start_execute(std::forward<F>(f), std::forward<Token>(token), options);
  }

  /// Runs `f` so that every oneTBB algorithm in it spreads over the threads of this pool.
  ///
  /// **Runs on:** a worker, with the pool's helpers for what `f` spawns, as many as there are
  /// workers without a job; a wait inside takes up nothing else. Called on one of the pool's
  /// threads, `f` runs at once on that, before the call returns. **Completes:** with what `f`
  /// returns or throws; `f` waits for what it spawns, nobody runs that afterwards.
  /// **Cancellation:** as for all; oneTBB's algorithms don't look at the token, so `f` hands it on.
  /// **Example:** examples/02_install.cpp
  template <Job F, class Token = default_token>
  [[nodiscard]] auto install(F&& f, Token&& token = Token()) {
    return start_install(std::forward<F>(f), std::forward<Token>(token), no_options());
  }
  template <Job F, class Token = default_token>
  [[nodiscard]] auto install(JobOptions options, F&& f, Token&& token = Token()) {
    return start_install(std::forward<F>(f), std::forward<Token>(token), options);
  }

  /// Runs two or more callables in parallel: `join(f, g, ..., token)`.
  ///
  /// The last argument is taken for a completion token if it can't be called with nothing; so after
  /// a callable that only takes a `std::stop_token` a token has to follow.
  /// **Runs on:** the first on one worker, the others there or on helpers.
  /// **Completes:** with a `std::tuple` of all results, `std::monostate` for `void`. All of them
  /// run even if one throws; the exception of the first in argument order that threw is the
  /// operation's. **Cancellation:** as for all; each of them may take a `std::stop_token`.
  /// **Example:** examples/03_join.cpp
  template <class First, class... Args>
    requires(sizeof...(Args) >= 1 && !std::same_as<std::decay_t<First>, JobOptions>)
  [[nodiscard]] auto join(First&& first, Args&&... args) {
    return start_join(no_options(), std::forward<First>(first), std::forward<Args>(args)...);
  }
  template <class... Args>
    requires(sizeof...(Args) >= 2)
  [[nodiscard]] auto join(JobOptions options, Args&&... args) {
    return start_join(options, std::forward<Args>(args)...);
  }

  /// Opens a fork-join region: `f(Scope&)`, whose children are spawned with `Scope::spawn`.
  ///
  /// **Runs on:** the body on a worker, children there or on helpers; who runs several children
  /// takes the newest first. **Completes:** after the last child, with what `f` returned; or with
  /// the first exception that the body or a child threw, the others having run all the same. A
  /// result computed from the children's must be computed after `Scope::wait`.
  /// **Cancellation:** as for all; children ask `Scope::stop_token`.
  /// **Example:** examples/04_scope.cpp
  template <ScopeBody F, class Token = default_token>
  [[nodiscard]] auto execute_scoped(F&& f, Token&& token = Token()) {
    return start_scoped<detail::spawn_order::lifo>(std::forward<F>(f), std::forward<Token>(token),
                                                   no_options());
  }
  template <ScopeBody F, class Token = default_token>
  [[nodiscard]] auto execute_scoped(JobOptions options, F&& f, Token&& token = Token()) {
    return start_scoped<detail::spawn_order::lifo>(std::forward<F>(f), std::forward<Token>(token),
                                                   options);
  }

  /// The same, but the oldest child of the scope is taken first. **Example:** examples/04_scope.cpp
  template <ScopeBody F, class Token = default_token>
  [[nodiscard]] auto execute_scoped_fifo(F&& f, Token&& token = Token()) {
    return start_scoped<detail::spawn_order::fifo>(std::forward<F>(f), std::forward<Token>(token),
                                                   no_options());
  }
  template <ScopeBody F, class Token = default_token>
  [[nodiscard]] auto execute_scoped_fifo(JobOptions options, F&& f, Token&& token = Token()) {
    return start_scoped<detail::spawn_order::fifo>(std::forward<F>(f), std::forward<Token>(token),
                                                   options);
  }

  /// Runs one job and blocks the calling thread until it has ended.
  ///
  /// For plain threads; an I/O thread should `co_await execute`.
  /// **Runs on:** a worker; on the calling thread if that works for this pool already, be it as
  /// one of its threads or for another pool's job that such a worker waits for. **Completes:** by
  /// returning what `f` returns, or throwing what it throws or one of the pool's own errors; in a
  /// full pool that waits it waits for its turn. **Lifetime:** `f` may borrow from
  /// the caller. **Thread safety:** any thread. **Allocation:** none, but for a deadline's.
  /// **Example:** examples/05_execute_sync.cpp
  template <Job F>
  job_result_t<F> execute_sync(F&& f) {
    return sync(std::forward<F>(f), no_options());
  }
  template <Job F>
  job_result_t<F> execute_sync(JobOptions options, F&& f) {
    return sync(std::forward<F>(f), options);
  }

  /// Completes when the pool has no job left, neither pending nor running: perhaps at once. While
  /// others go on to submit it waits for a moment without jobs.
  ///
  /// What the pool's executor was given counts as jobs. Handlers of the jobs may not have run yet.
  /// **Completes:** with `void(std::exception_ptr)`, null. **Resumes on**, **lifetime**,
  /// **allocation**, **thread safety:** as for the other operations. **Cancellation:** none; it is
  /// dropped if its handler's context is destroyed.
  template <class Token = default_token>
  [[nodiscard]] auto async_drain(Token&& token = Token()) {
    core_.require_same_process();
    return asio::async_initiate<Token, void(std::exception_ptr)>(
        detail::drain_initiation<core_type, executor_type>{&core_, get_executor()}, token);
  }

  /// Lets what runs end and nothing else begin: operations that haven't started, and those to come,
  /// complete with `errc::pool_shut_down`. What the pool's executor is given still runs.
  ///
  /// Returns without waiting; `async_drain` or the destructor waits. A second call does nothing.
  /// **Thread safety:** any thread, at any time; an operation submitted meanwhile runs or is
  /// refused, one of the two.
  void shutdown() noexcept { core_.shutdown(); }

  /// A consistent snapshot of the pool's counters, see `MetricsSnapshot`.
  ///
  /// **Thread safety:** any thread, at any time. Costs some microseconds.
  [[nodiscard]] auto metrics() const
    requires requires(const Instrumentation& policy) { policy.snapshot(); }
  {
    return instrumentation().snapshot();
  }

  /// The policy object of this pool.
  [[nodiscard]] const Instrumentation& instrumentation() const noexcept {
    return engine_.instrumentation();
  }

  /// Number of workers, as configured.
  [[nodiscard]] int num_threads() const noexcept { return core_.config().threads; }

  /// The configuration that the pool was made with.
  [[nodiscard]] const ComputeConfig& config() const noexcept { return core_.config(); }

  /// An executor that runs what it is given on the workers.
  [[nodiscard]] executor_type get_executor() noexcept { return {*this, core_}; }

 private:
  using core_type = detail::pool_core<Instrumentation>;
  // Options: JobOptions, or none of them, which makes for a smaller operation.
  struct no_options {};
  template <class Options>
  static constexpr bool timed = std::same_as<Options, JobOptions>;
  static const JobOptions& options_of(const JobOptions& options) noexcept { return options; }
  static JobOptions options_of(no_options) noexcept { return {}; }

  template <class Body, class Token, class Options>
  auto start(Body body, Token&& token, const Options& options,
             detail::runs_on place = detail::runs_on::worker) {
    core_.require_same_process();  // here, where a coroutine can catch it
    using signature = typename detail::completion_signature<typename Body::result_type>::type;
    return asio::async_initiate<Token, signature>(
        detail::job_initiation<core_type, executor_type, timed<Options>>{
            &core_, get_executor(), place, options_of(options)},
        token, std::move(body));
  }

  template <class F, class Token, class Options>
  auto start_execute(F&& f, Token&& token, const Options& options) {
    return start(detail::execute_body<std::decay_t<F>>(detail::kept_job<Token>(std::forward<F>(f))),
                 std::forward<Token>(token), options);
  }

  template <class F, class Token, class Options>
  auto start_install(F&& f, Token&& token, const Options& options) {
    return start(detail::install_body<std::decay_t<F>>(detail::kept_job<Token>(std::forward<F>(f))),
                 std::forward<Token>(token), options, detail::runs_on::worker_here);
  }

  template <detail::spawn_order Order, class F, class Token, class Options>
  auto start_scoped(F&& f, Token&& token, const Options& options) {
    using body = detail::scoped_body<std::decay_t<F>, Order>;
    return start(body(detail::kept_scope<Token>(std::forward<F>(f))), std::forward<Token>(token),
                 options);
  }

  template <class Options, class... Args>
  auto start_join(const Options& options, Args&&... args) {
    auto all = std::forward_as_tuple(std::forward<Args>(args)...);
    using last = std::tuple_element_t<sizeof...(Args) - 1, std::tuple<Args...>>;
    if constexpr (detail::is_token<last>) {
      static_assert(sizeof...(Args) >= 3, "join takes two callables or more");
      return join_first(std::make_index_sequence<sizeof...(Args) - 1>(), options, all,
                        std::get<sizeof...(Args) - 1>(std::move(all)));
    } else {
      return join_first(std::make_index_sequence<sizeof...(Args)>(), options, all, default_token());
    }
  }

  template <std::size_t... I, class All, class Token, class Options>
  auto join_first(std::index_sequence<I...>, const Options& options, All& all, Token&& token) {
    using body = detail::join_body<std::decay_t<std::tuple_element_t<I, All>>...>;
    static_assert((Job<std::tuple_element_t<I, All>> && ...),
                  "join takes callables without parameters or with a std::stop_token, and a "
                  "completion token after them");
    return start(body(detail::kept_job<Token>(
                     std::forward<std::tuple_element_t<I, All>>(std::get<I>(all)))...),
                 std::forward<Token>(token), options);
  }

  template <class F, class Options>
  auto sync(F&& f, const Options& options) {
    using body = detail::execute_body<std::decay_t<F>>;
    detail::sync_op<core_type, body, timed<Options>> operation(
        core_, body(detail::kept_job<void>(std::forward<F>(f))), options_of(options));
    return operation(options_of(options));
  }

  detail::pool_engine<Instrumentation> engine_;
  // What operations see of it. By this reference nobody knows what it is, so that nothing of the
  // engine is compiled where no pool is made.
  core_type& core_ = engine_;
};

}  // namespace millrace
