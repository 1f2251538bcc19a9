#pragma once

#include <asio/execution/allocator.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/execution_context.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "millrace/detail/pool_core.hpp"
#include "millrace/detail/posted_op.hpp"

namespace millrace {

namespace detail {
struct pool_access;
}

/// The executor of a `ComputePool`: makes `asio::post`, `co_spawn`, `bind_executor` and
/// `any_io_executor` work with it.
///
/// Satisfies Asio's executor requirements with the properties `context`, `blocking` (possibly or
/// never), `outstanding_work` (tracked or untracked) and `allocator`. What it is given counts as a
/// job, and goes before jobs that wait, up to 64 in a row: a signal that cancels one of them may
/// come this way. A function object that throws ends the program, on whatever thread and by
/// whatever call.
///
/// **Lifetime:** refers to the pool. As with `asio::thread_pool`, outstanding work doesn't keep the
/// pool's destructor waiting: what is suspended on the executor is destroyed.
/// **Thread safety:** different objects, from any thread. **Allocation:** a function object that
/// doesn't run at once, by `Allocator`; from a cache of the thread where that is `std::allocator`.
template <class Instrumentation, class Allocator = std::allocator<void>>
class PoolExecutor {
 public:
  PoolExecutor(asio::execution_context& context, detail::pool_core<Instrumentation>& core,
               const Allocator& allocator = {}) noexcept
      : context_(&context), core_(&core), allocator_(allocator) {}

  /// Runs `f` on a worker: at once if the caller is one and blocking is not ruled out.
  template <class F>
  void execute(F&& f) const {
    using function = std::decay_t<F>;
    if (!never_blocks_ && core_->on_worker()) {
      function now(std::forward<F>(f));
      [&]() noexcept { std::move(now)(); }();
    } else {
      using operation = detail::posted_op<detail::pool_core<Instrumentation>, function, Allocator>;
      operation::start(*core_, std::forward<F>(f), allocator_);
    }
  }

  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const noexcept {
    return *context_;
  }

  [[nodiscard]] asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
    if (never_blocks_) return asio::execution::blocking.never;
    return asio::execution::blocking.possibly;
  }

  [[nodiscard]] asio::execution::outstanding_work_t query(
      asio::execution::outstanding_work_t) const noexcept {
    if (tracked_) return asio::execution::outstanding_work.tracked;
    return asio::execution::outstanding_work.untracked;
  }

  template <class Other>
  [[nodiscard]] Allocator query(asio::execution::allocator_t<Other>) const noexcept {
    return allocator_;
  }

  [[nodiscard]] PoolExecutor require(asio::execution::blocking_t::never_t) const noexcept {
    return with(tracked_, true);
  }
  [[nodiscard]] PoolExecutor require(asio::execution::blocking_t::possibly_t) const noexcept {
    return with(tracked_, false);
  }
  [[nodiscard]] PoolExecutor require(
      asio::execution::outstanding_work_t::tracked_t) const noexcept {
    return with(true, never_blocks_);
  }
  [[nodiscard]] PoolExecutor require(
      asio::execution::outstanding_work_t::untracked_t) const noexcept {
    return with(false, never_blocks_);
  }

  template <class Other>
  [[nodiscard]] PoolExecutor<Instrumentation, Other> require(
      asio::execution::allocator_t<Other> property) const noexcept {
    return with_allocator(property.value());
  }
  [[nodiscard]] PoolExecutor<Instrumentation> require(
      asio::execution::allocator_t<void>) const noexcept {
    return with_allocator(std::allocator<void>());
  }

  /// True on the pool's threads.
  [[nodiscard]] bool running_in_this_thread() const noexcept { return core_->on_worker(); }

  friend bool operator==(const PoolExecutor& a, const PoolExecutor& b) noexcept {
    return a.core_ == b.core_ && a.tracked_ == b.tracked_ && a.never_blocks_ == b.never_blocks_ &&
           a.allocator_ == b.allocator_;
  }

 private:
  friend struct detail::pool_access;
  template <class, class>
  friend class PoolExecutor;

  [[nodiscard]] PoolExecutor with(bool tracked, bool never_blocks) const noexcept {
    PoolExecutor other(*this);
    other.tracked_ = tracked;
    other.never_blocks_ = never_blocks;
    return other;
  }

  template <class Other>
  [[nodiscard]] PoolExecutor<Instrumentation, Other> with_allocator(
      const Other& allocator) const noexcept {
    return PoolExecutor<Instrumentation, Other>(*context_, *core_, allocator)
        .with(tracked_, never_blocks_);
  }

  asio::execution_context* context_;
  detail::pool_core<Instrumentation>* core_;
  bool tracked_ = false;
  bool never_blocks_ = false;
  [[no_unique_address]] Allocator allocator_;
};

namespace detail {

// For what is started on a pool by others than its members.
struct pool_access {
  template <class Instrumentation>
  [[nodiscard]] static pool_core<Instrumentation>& core_of(
      const PoolExecutor<Instrumentation>& executor) noexcept {
    return *executor.core_;
  }
};

}  // namespace detail

}  // namespace millrace
