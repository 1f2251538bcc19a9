#pragma once

#include <asio/async_result.hpp>
#include <asio/system_executor.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/concepts.hpp"
#include "millrace/detail/inline_op.hpp"
#include "millrace/detail/refusals.hpp"
#include "millrace/io_threads.hpp"
#include "millrace/job_options.hpp"
#include "millrace/size_check.hpp"

// Jobs whose size the caller knows: below 100 us a hop costs more than the wait for the job, above
// 1 ms the loop must not wait for it, in between it may where other threads serve the loop.
//
// What holds for all three: they are Asio operations as those of `ComputePool`, with the same
// completions and default token. A job that runs where it was started isn't the pool's: not in its
// metrics, not in its queue, not refused after a shutdown; a `std::stop_token` that it takes is
// never requested. A `SizePolicy` may come before the other arguments; it measures the jobs of this
// line, `NoSizeCheck` none.

namespace millrace {

namespace detail {

struct small_initiation {
  using executor_type = asio::system_executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return {}; }

  template <class Handler, class F>
  void operator()(Handler&& token_handler, F&& f) const {
    std::decay_t<Handler> handler(std::forward<Handler>(token_handler));
    auto result = run_now(f);
    complete_later(std::move(handler), get_executor(), std::move(result));
  }
};

// Options: JobOptions or nothing.
template <class Instrumentation, class... Options>
struct medium_initiation {
  using executor_type = PoolExecutor<Instrumentation>;
  ComputePool<Instrumentation>* pool;
  std::chrono::steady_clock::time_point deadline;
  [[no_unique_address]] std::tuple<Options...> options;

  [[nodiscard]] executor_type get_executor() const noexcept { return pool->get_executor(); }

  template <class Handler, class F>
  void operator()(Handler&& token_handler, F&& f) const {
    using handler_type = std::decay_t<Handler>;
    handler_type handler(std::forward<Handler>(token_handler));
    if (deadline == JobOptions::never || std::chrono::steady_clock::now() < deadline) {
      if (auto permit = inline_permits(*pool).try_acquire()) {
        auto result = run_now(f);
        {
          const auto given_back = std::move(permit);
        }
        return complete_later(std::move(handler), get_executor(), std::move(result));
      }
    }
    std::apply(
        [&](const auto&... some) { pool->execute(some..., std::move(f), std::move(handler)); },
        options);
  }
};

template <class Token, class F>
auto start_small(F f, Token&& token) {
  using R = job_result_t<F>;
  using how = awaits<std::decay_t<Token>>;
  if constexpr (how::value) {
    return await_now<R, typename how::executor_type>(std::optional<F>(std::move(f)));
  } else {
    using signature = typename completion_signature<R>::type;
    return asio::async_initiate<Token, signature>(small_initiation(), token, std::move(f));
  }
}

template <class Token, class Instrumentation, class F, class... Options>
auto start_medium(ComputePool<Instrumentation>& pool, F f, Token&& token,
                  std::chrono::steady_clock::time_point deadline, Options... options) {
  using signature = typename completion_signature<job_result_t<F>>::type;
  return asio::async_initiate<Token, signature>(
      medium_initiation<Instrumentation, Options...>{&pool, deadline, {options...}}, token,
      std::move(f));
}

// The callable to run: `f`, or what a check puts around it.
template <class Token, class Check, class F>
auto checked(Check& check, JobSize size, const std::source_location& site, F&& f) {
  check_callable<F>();
  auto&& around = check.around(size, site, std::forward<F>(f));
  return kept_job<Token>(std::forward<decltype(around)>(around));
}

}  // namespace detail

/// Runs a job of less than about 100 us where it is started, without a pool.
///
/// **Runs on:** the thread that starts the operation, inside the initiating call; for `co_await`
/// the coroutine's own. **Resumes on:** the handler's associated executor, as if posted to it,
/// never inside the initiating call; a handler without one on a thread of Asio's
/// `system_executor`. A coroutine that awaits with `asio::use_awaitable` goes on at once, but each
/// 16th time on a thread it stands in line, so that no loop of small jobs keeps its thread from
/// timers and sockets. **Completes:** with what `f` returns or throws. **Cancellation:** none.
/// **Thread safety:** any thread.
/// **Allocation:** the handler's way through its executor, or the coroutine's frame.
/// **Example:** examples/12_sizes.cpp
template <Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_small(F&& f, Token&& token = Token()) {
  return detail::start_small<Token>(detail::kept_job<Token>(std::forward<F>(f)),
                                    std::forward<Token>(token));
}
template <SizePolicy Check, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_small(
    Check& check, F&& f, Token&& token = Token(),
    const std::source_location& site = std::source_location::current()) {
  return detail::start_small<Token>(
      detail::checked<Token>(check, JobSize::small, site, std::forward<F>(f)),
      std::forward<Token>(token));
}

/// Runs a job of about 100 us to 1 ms where it is started if another thread is left to serve the
/// loop, else on the pool.
///
/// **Runs on:** with one of the pool's permits (`set_io_threads`) the thread that starts the
/// operation, inside the initiating call; the permit is given back when the job has ended, also by
/// an exception. Without, and if its deadline has passed, as `ComputePool::execute`; so with one
/// I/O thread, and until `set_io_threads` was called, always there. **Resumes on:** as for
/// `execute`, also coroutines that had a permit: the loop gets its turn after each job.
/// **Completes**, **cancellation** (of a job that was offloaded), **lifetime**, **allocation:** as
/// for `execute`. **Thread safety:** any thread. **Example:** examples/12_sizes.cpp
template <class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_medium(ComputePool<I>& pool, F&& f, Token&& token = Token()) {
  return detail::start_medium<Token>(pool, detail::kept_job<Token>(std::forward<F>(f)),
                                     std::forward<Token>(token), JobOptions::never);
}
template <class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_medium(ComputePool<I>& pool, JobOptions options, F&& f,
                                  Token&& token = Token()) {
  return detail::start_medium<Token>(pool, detail::kept_job<Token>(std::forward<F>(f)),
                                     std::forward<Token>(token), options.deadline, options);
}
template <SizePolicy Check, class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_medium(
    Check& check, ComputePool<I>& pool, F&& f, Token&& token = Token(),
    const std::source_location& site = std::source_location::current()) {
  return detail::start_medium<Token>(
      pool, detail::checked<Token>(check, JobSize::medium, site, std::forward<F>(f)),
      std::forward<Token>(token), JobOptions::never);
}
template <SizePolicy Check, class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_medium(
    Check& check, ComputePool<I>& pool, JobOptions options, F&& f, Token&& token = Token(),
    const std::source_location& site = std::source_location::current()) {
  return detail::start_medium<Token>(
      pool, detail::checked<Token>(check, JobSize::medium, site, std::forward<F>(f)),
      std::forward<Token>(token), options.deadline, options);
}

/// Runs a job of more than about 1 ms: never where it is started.
///
/// All as for `ComputePool::execute`. **Example:** examples/12_sizes.cpp
template <class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_large(ComputePool<I>& pool, F&& f, Token&& token = Token()) {
  return pool.execute(std::forward<F>(f), std::forward<Token>(token));
}
template <class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_large(ComputePool<I>& pool, JobOptions options, F&& f,
                                 Token&& token = Token()) {
  return pool.execute(options, std::forward<F>(f), std::forward<Token>(token));
}
template <SizePolicy Check, class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_large(
    Check& check, ComputePool<I>& pool, F&& f, Token&& token = Token(),
    const std::source_location& site = std::source_location::current()) {
  return pool.execute(detail::checked<Token>(check, JobSize::large, site, std::forward<F>(f)),
                      std::forward<Token>(token));
}
template <SizePolicy Check, class I, Job F, class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto compute_large(
    Check& check, ComputePool<I>& pool, JobOptions options, F&& f, Token&& token = Token(),
    const std::source_location& site = std::source_location::current()) {
  return pool.execute(options,
                      detail::checked<Token>(check, JobSize::large, site, std::forward<F>(f)),
                      std::forward<Token>(token));
}

}  // namespace millrace
