#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace millrace {

namespace detail {

// A stop token as the callable takes it behind other arguments: the operation's own, or a copy that
// is the callable's, to take or to change.
template <class F, class... Arguments>
struct stop_argument {};
template <class F, class... Arguments>
  requires std::invocable<F, Arguments..., const std::stop_token&>
struct stop_argument<F, Arguments...> {
  using type = const std::stop_token&;
};
template <class F, class... Arguments>
  requires(!std::invocable<F, Arguments..., const std::stop_token&> &&
           std::invocable<F, Arguments..., std::stop_token>)
struct stop_argument<F, Arguments...> {
  using type = std::stop_token&&;
};
template <class F, class... Arguments>
  requires(!std::invocable<F, Arguments..., const std::stop_token&> &&
           !std::invocable<F, Arguments..., std::stop_token> &&
           std::invocable<F, Arguments..., std::stop_token&>)
struct stop_argument<F, Arguments...> {
  using type = std::stop_token&;
};
template <class F, class... Arguments>
using stop_argument_t = typename stop_argument<F, Arguments...>::type;

template <class F, class... Arguments>
concept takes_stop = requires { typename stop_argument_t<F, Arguments...>; };

template <class F, class... Arguments>
using stoppable_result_t = std::invoke_result_t<F, Arguments..., stop_argument_t<F, Arguments...>>;

template <class F, class... Arguments>
  requires takes_stop<F, Arguments...>
stoppable_result_t<F, Arguments...> call_stoppable(const std::stop_token& stop, F&& f,
                                                   Arguments&&... arguments) {
  using argument = stop_argument_t<F, Arguments...>;
  if constexpr (std::is_same_v<argument, const std::stop_token&>) {
    return std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)..., stop);
  } else {
    std::stop_token own(stop);
    return std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)...,
                       static_cast<argument>(own));
  }
}

}  // namespace detail

/// A callable that can be told to stop: `f(std::stop_token)`, called as an rvalue. It may take the
/// token by value or by any reference.
///
/// The token is requested when the operation is cancelled or its deadline passes while it runs. A
/// callable that takes either gets the token.
template <class F>
concept StoppableJob =
    std::move_constructible<std::decay_t<F>> && detail::takes_stop<std::decay_t<F>&&>;

/// A callable that a pool can run once: movable, called as an rvalue with nothing, or with a
/// `std::stop_token`.
template <class F>
concept Job = (std::move_constructible<std::decay_t<F>> && std::invocable<std::decay_t<F>&&>) ||
              StoppableJob<F>;

/// Why a job never started.
enum class Unstarted {
  cancelled,  ///< by its cancellation slot, or because its handler's context was destroyed
  expired,    ///< its deadline passed
  rejected,   ///< the pool's queue was full, or the pool was shut down
};

/// Where the life of a job is told, for metrics or traces; the parameter of `ComputePool`.
///
/// The pool keeps one policy, made from its configuration, and one `record` in each job. It calls
/// `submitted` on the thread that starts the operation, `started` and then `finished` on the
/// worker, each once; `finished` comes before the completion is observable. All of them run
/// concurrently for different jobs and must not throw. An empty `record` takes no room.
///
/// Two more, if the policy has them: `labelled(record, std::string_view)` before `submitted`, for
/// jobs that have a label; `unstarted(record, Unstarted)` instead of `started`, on any thread, for
/// those that never run.
///
/// A `record` may have `resuming() noexcept`: called on the handler's executor right before the
/// handler, or where `execute_sync` goes on. The pool and its policy may be gone by then, and what
/// the record needs has to be its own. Not called where nobody waits: for handlers that are
/// dropped, for a handle that is awaited only after its job's end, for what the pool's executor is
/// given.
template <class P>
concept InstrumentationPolicy = std::default_initializable<typename P::record> &&
                                requires(P policy, typename P::record& record, bool failed) {
                                  { policy.submitted(record) } noexcept;
                                  { policy.started(record) } noexcept;
                                  { policy.finished(record, failed) } noexcept;
                                };

namespace detail {

template <class T>
struct job_value {
  using type = std::remove_cv_t<std::remove_reference_t<T>>;
};
template <class T>
struct job_value<T&> {
  using type = std::reference_wrapper<T>;
};
template <class T>
  requires std::is_void_v<T>
struct job_value<T> {
  using type = void;
};

template <class F>
struct job_returns {
  using type = std::invoke_result_t<F&&>;
};
template <StoppableJob F>
struct job_returns<F> {
  using type = stoppable_result_t<F&&>;
};

}  // namespace detail

/// What an operation completes with for a callable that returns `T`: `T` without `const`, `void`,
/// or `std::reference_wrapper<U>` for `U&`, which converts to the reference.
template <class T>
using job_value_t = typename detail::job_value<T>::type;

/// What an operation completes with that runs `F`, see `job_value_t`.
template <Job F>
using job_result_t = job_value_t<typename detail::job_returns<std::decay_t<F>>::type>;

}  // namespace millrace
