#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace millrace {

/// A callable that a pool can run once: movable, called with nothing, as an rvalue.
template <class F>
concept Job = std::move_constructible<std::decay_t<F>> && std::invocable<std::decay_t<F>&&>;

/// Where the life of a job is told, for metrics or traces; the parameter of `ComputePool`.
///
/// The pool keeps one policy, made from its configuration, and one `record` in each job. It calls
/// `submitted` on the thread that starts the operation, `started` and then `finished` on the
/// worker, each once; `finished` comes before the completion is observable. All of them run
/// concurrently for different jobs and must not throw. An empty `record` takes no room.
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

}  // namespace detail

/// What an operation completes with for a callable that returns `T`: `T` without `const`, `void`,
/// or `std::reference_wrapper<U>` for `U&`, which converts to the reference.
template <class T>
using job_value_t = typename detail::job_value<T>::type;

/// What an operation completes with that runs `F`, see `job_value_t`.
template <Job F>
using job_result_t = job_value_t<std::invoke_result_t<std::decay_t<F>&&>>;

}  // namespace millrace
