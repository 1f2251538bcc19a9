#pragma once

#include <asio/awaitable.hpp>
#include <atomic>
#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include "millrace/adaptive_policy.hpp"
#include "millrace/compute_pool.hpp"
#include "millrace/concepts.hpp"
#include "millrace/detail/adaptive.hpp"
#include "millrace/job_options.hpp"

namespace millrace {

/// What was learned of one kind of jobs.
///
/// **Lifetime:** until the last job that was given it has been awaited.
/// **Thread safety:** as its policy; any number of threads may await jobs of this kind.
template <AdaptivePolicy Policy = AdaptiveLearner, class Clock = std::chrono::steady_clock>
struct AdaptiveState {
  using clock = Clock;

  Policy policy;
  std::atomic<int> out{0};  ///< how many of its jobs are on the pool
};

/// Runs a job where it is cheaper, on this I/O thread or on the pool, as learned from jobs of its
/// kind: those with the same `JobOptions::label`, or without one the same callable type; or those
/// given the same `AdaptiveState`.
///
/// What is learned of types and labels is kept for the whole process, for all pools and threads; of
/// up to 64 labels, further ones count by their callable type. `Policy` decides, see
/// `AdaptiveLearner`; `set_io_threads` tells how many threads there are, else one is assumed.
///
/// **Runs on:** the awaiting coroutine's thread, or as `ComputePool::execute`. A job that runs here
/// isn't the pool's: not in its metrics, not refused after a shutdown; one whose deadline has
/// passed is left to the pool to refuse. **Resumes on:** the coroutine's executor; after a job that
/// ran here at once, but when such jobs have taken 10 us of the thread's time since its loop last
/// went round the coroutine stands in line, so that timers and sockets get their turn. While others
/// stand there, what would make it more than 20 us goes to the pool.
/// **Completes:** with what `f` returns or throws, else as `execute`. **Cancellation:** as for
/// `execute`; a job that runs here can't be stopped, its `std::stop_token` is never requested.
/// **Lifetime:** as for `execute`, and the pool until it is awaited. **Thread safety:** any thread.
/// **Allocation:** the coroutine's frame; on the pool as `execute`. **Costs:** the decision some
/// ten nanoseconds, measuring 20 to 30 ns per read of the clock, see `AdaptiveLearner`.
///
/// For coroutines only. With another token: `asio::co_spawn(executor, execute_adaptive(...),
/// token)`. **Example:** examples/12_sizes.cpp
template <AdaptivePolicy Policy = AdaptiveLearner, class I, Job F>
[[nodiscard]] asio::awaitable<job_result_t<F>> execute_adaptive(ComputePool<I>& pool, F&& f) {
  using job = std::decay_t<F>;
  return detail::await_adaptively<job_result_t<F>>(
      pool, detail::state_of_type<AdaptiveState<Policy>, job>,
      detail::kept_adaptively(std::forward<F>(f)));
}
template <AdaptivePolicy Policy = AdaptiveLearner, class I, Job F>
[[nodiscard]] asio::awaitable<job_result_t<F>> execute_adaptive(ComputePool<I>& pool,
                                                                JobOptions options, F&& f) {
  using job = std::decay_t<F>;
  return detail::await_adaptively<job_result_t<F>>(
      pool, detail::state_for<AdaptiveState<Policy>, job>(options.label),
      detail::kept_adaptively(std::forward<F>(f)), options);
}
template <class Policy, class Clock, class I, Job F>
[[nodiscard]] asio::awaitable<job_result_t<F>> execute_adaptive(ComputePool<I>& pool,
                                                                AdaptiveState<Policy, Clock>& state,
                                                                F&& f) {
  return detail::await_adaptively<job_result_t<F>>(pool, state,
                                                   detail::kept_adaptively(std::forward<F>(f)));
}
template <class Policy, class Clock, class I, Job F>
[[nodiscard]] asio::awaitable<job_result_t<F>> execute_adaptive(ComputePool<I>& pool,
                                                                AdaptiveState<Policy, Clock>& state,
                                                                JobOptions options, F&& f) {
  return detail::await_adaptively<job_result_t<F>>(
      pool, state, detail::kept_adaptively(std::forward<F>(f)), options);
}

}  // namespace millrace
