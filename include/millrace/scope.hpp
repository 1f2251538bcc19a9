#pragma once

#include <concepts>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/detail/scope.hpp"

namespace millrace {

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
  /// **Runs on:** a worker of the pool; with `execute_scoped` the spawning worker takes its newest
  /// child first, with `execute_scoped_fifo` the oldest of the scope.
  /// **Completes:** what it returns is dropped. If it throws, its siblings still run, and the first
  /// exception of the scope is what the operation completes with.
  /// **Lifetime:** the child is moved into the scope and destroyed when it has run.
  /// **Allocation:** from oneTBB's pool of task memory; `execute_scoped_fifo` twice from the heap.
  template <class Child>
    requires std::invocable<std::decay_t<Child>&&, Scope&> || std::invocable<std::decay_t<Child>&&>
  void spawn(Child&& child) {
    state_.spawn([this, child = std::forward<Child>(child)]() mutable noexcept {
      try {
        if constexpr (std::invocable<std::decay_t<Child>&&, Scope&>) {
          std::move(child)(*this);
        } else {
          std::move(child)();
        }
      } catch (...) {
        state_.keep_first(std::current_exception());
      }
    });
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
concept ScopeBody = std::invocable<std::decay_t<F>&&, Scope&> ||
                    std::invocable<std::decay_t<F>&&, Scope&, std::stop_token>;

namespace detail {

template <class F>
struct scope_returns {
  using type = std::invoke_result_t<F&&, Scope&>;
};
template <class F>
  requires std::invocable<F&&, Scope&, std::stop_token>
struct scope_returns<F> {
  using type = std::invoke_result_t<F&&, Scope&, std::stop_token>;
};

template <class F>
using scope_result_t = job_value_t<typename scope_returns<F>::type>;

}  // namespace detail

}  // namespace millrace
