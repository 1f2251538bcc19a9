#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

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
  explicit Scope(detail::scope_state& state) noexcept : state_(state) {}
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

 private:
  detail::scope_state& state_;
};

}  // namespace millrace
