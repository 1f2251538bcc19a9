#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/detail/refusals.hpp"
#include "millrace/detail/scope.hpp"

namespace millrace {

namespace detail {

// oneTBB aligns its tasks to no more. What needs more lies beside its task.
inline constexpr std::size_t most_aligned_child = 64;

template <class F>
class aligned_child {
 public:
  template <class From>
  explicit aligned_child(std::in_place_t, From&& from)
      : f_(std::make_unique<F>(std::forward<From>(from))) {}

  template <class... Arguments>
    requires std::invocable<F&&, Arguments...>
  void operator()(Arguments&&... arguments) && {
    std::invoke(std::move(*f_), std::forward<Arguments>(arguments)...);
  }

 private:
  std::unique_ptr<F> f_;
};

}  // namespace detail

/// A fork-join region: what `ComputePool::execute_scoped` hands to its body and to the children.
///
/// The operation completes after the last child, whoever spawned it. Children may therefore borrow
/// what outlives the operation: locals of the awaiting coroutine, and of the body only if it calls
/// `wait()` before it returns.
///
/// **Thread safety:** `spawn` from the body and from any child; `wait` from the body.
class Scope {
 public:
  Scope(detail::scope_state& state, std::stop_token stop) noexcept
      : state_(state), stop_(std::move(stop)) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Adds a child: `child(Scope&)` or `child()`.
  ///
  /// **Runs on:** the body's worker or a helper; with `execute_scoped` the spawning thread takes
  /// its newest child first, with `execute_scoped_fifo` the oldest of the scope.
  /// **Completes:** what it returns is dropped. If it throws, its siblings still run, and the first
  /// exception of the scope is what the operation completes with.
  /// **Lifetime:** the child is moved into the scope and destroyed when it has run.
  /// **Allocation:** from oneTBB's pool of task memory; `execute_scoped_fifo` twice from the heap.
  template <class Child>
    requires std::invocable<std::decay_t<Child>&&, Scope&> || std::invocable<std::decay_t<Child>&&>
  void spawn(Child&& child) {
    using kept = std::decay_t<Child>;
    constexpr bool takes_scope = std::invocable<kept&&, Scope&>;
    detail::check_callable<Child>();
    if constexpr (takes_scope) {
      detail::check_begun<std::invoke_result_t<kept&&, Scope&>>();
    } else {
      detail::check_begun<std::invoke_result_t<kept&&>>();
    }
    if constexpr (alignof(kept) > detail::most_aligned_child) {
      spawn(detail::aligned_child<kept>(std::in_place, std::forward<Child>(child)));
    } else {
      state_.spawn([this, child = std::forward<Child>(child)]() mutable noexcept {
        try {
          if constexpr (takes_scope) {
            std::invoke(std::move(child), *this);
          } else {
            std::invoke(std::move(child));
          }
        } catch (...) {
          state_.keep_first(std::current_exception());
        }
      });
    }
  }

  /// Waits for all children spawned so far and by them, so that the body can use their results.
  ///
  /// **Runs on:** the worker of the body, which helps with the children meanwhile. **Completes:**
  /// when no child is left; throws `std::system_error` with `errc::would_deadlock` in a child.
  void wait() { state_.wait_from_body(); }

  /// Requested when the operation is cancelled or its deadline passes; children that take long ask
  /// it. Children are spawned and run all the same. **Thread safety:** any child.
  [[nodiscard]] const std::stop_token& stop_token() const noexcept { return stop_; }

 private:
  detail::scope_state& state_;
  const std::stop_token stop_;
};

/// The body of a scope: `f(Scope&)` or `f(Scope&, std::stop_token)`.
template <class F>
concept ScopeBody =
    std::invocable<std::decay_t<F>&&, Scope&> || detail::takes_stop<std::decay_t<F>&&, Scope&>;

namespace detail {

template <class F>
struct scope_returns {
  using type = std::invoke_result_t<F&&, Scope&>;
};
template <class F>
  requires takes_stop<F&&, Scope&>
struct scope_returns<F> {
  using type = stoppable_result_t<F&&, Scope&>;
};

// The body as its operation keeps it.
template <class Token, ScopeBody F>
[[nodiscard]] auto kept_scope(F&& f) {
  check_body<Token, F, typename scope_returns<std::decay_t<F>>::type>();
  return std::decay_t<F>(std::forward<F>(f));
}

template <class F>
using scope_result_t = job_value_t<typename scope_returns<F>::type>;

}  // namespace detail

}  // namespace millrace
