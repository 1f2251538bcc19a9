#pragma once

#include <asio/execution/blocking.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/execution_context.hpp>
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
/// never) and `outstanding_work` (tracked or untracked). What it is given counts as a job. A
/// function object that throws ends the program, as with `asio::thread_pool`.
///
/// **Lifetime:** refers to the pool; a tracked executor keeps the pool's destructor waiting.
/// **Thread safety:** different objects, from any thread.
template <class Instrumentation>
class PoolExecutor {
 public:
  PoolExecutor(asio::execution_context& context, detail::pool_core<Instrumentation>& core) noexcept
      : context_(&context), core_(&core) {}

  PoolExecutor(const PoolExecutor& other) noexcept
      : context_(other.context_),
        core_(other.core_),
        tracked_(other.tracked_),
        never_blocks_(other.never_blocks_) {
    if (tracked_) core_->add_work();
  }

  PoolExecutor(PoolExecutor&& other) noexcept
      : context_(other.context_),
        core_(other.core_),
        tracked_(std::exchange(other.tracked_, false)),
        never_blocks_(other.never_blocks_) {}

  PoolExecutor& operator=(PoolExecutor other) noexcept {
    std::swap(context_, other.context_);
    std::swap(core_, other.core_);
    std::swap(tracked_, other.tracked_);
    std::swap(never_blocks_, other.never_blocks_);
    return *this;
  }

  ~PoolExecutor() {
    if (tracked_) core_->remove_work();
  }

  /// Runs `f` on a worker: at once if the caller is one and blocking is not ruled out.
  template <class F>
  void execute(F&& f) const {
    if (!never_blocks_ && core_->on_worker()) {
      std::decay_t<F> now(std::forward<F>(f));
      std::move(now)();
    } else {
      detail::posted_op<detail::pool_core<Instrumentation>, std::decay_t<F>>::start(
          *core_, std::forward<F>(f));
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

  [[nodiscard]] PoolExecutor require(asio::execution::blocking_t::never_t) const noexcept {
    PoolExecutor other(*this);
    other.never_blocks_ = true;
    return other;
  }

  [[nodiscard]] PoolExecutor require(asio::execution::blocking_t::possibly_t) const noexcept {
    PoolExecutor other(*this);
    other.never_blocks_ = false;
    return other;
  }

  [[nodiscard]] PoolExecutor require(
      asio::execution::outstanding_work_t::tracked_t) const noexcept {
    PoolExecutor other(*this);
    if (!other.tracked_) core_->add_work();
    other.tracked_ = true;
    return other;
  }

  [[nodiscard]] PoolExecutor require(
      asio::execution::outstanding_work_t::untracked_t) const noexcept {
    PoolExecutor other(*this);
    if (other.tracked_) core_->remove_work();
    other.tracked_ = false;
    return other;
  }

  /// True on the pool's workers.
  [[nodiscard]] bool running_in_this_thread() const noexcept { return core_->on_worker(); }

  friend bool operator==(const PoolExecutor& a, const PoolExecutor& b) noexcept {
    return a.core_ == b.core_ && a.tracked_ == b.tracked_ && a.never_blocks_ == b.never_blocks_;
  }

 private:
  friend struct detail::pool_access;

  asio::execution_context* context_;
  detail::pool_core<Instrumentation>* core_;
  bool tracked_ = false;
  bool never_blocks_ = false;
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
