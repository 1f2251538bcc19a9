#pragma once

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "millrace/detail/block_cache.hpp"

// What an operation needs to know about its handler; with inbox_service.hpp and way_back.hpp the
// one place below L5 that names Asio.
namespace millrace::detail {

// --- Memory ---

template <class Allocator>
struct or_cached {
  using type = Allocator;
  static const Allocator& from(const Allocator& allocator) noexcept { return allocator; }
};
template <class T>
struct or_cached<std::allocator<T>> {
  using type = cached_allocator<T>;
  static type from(const std::allocator<T>&) noexcept { return {}; }
};

// The handler's associated allocator; the thread's cache if it is but std::allocator.
template <class Handler>
using handler_allocator_t = typename or_cached<asio::associated_allocator_t<Handler>>::type;

template <class Handler>
[[nodiscard]] handler_allocator_t<Handler> handler_allocator(const Handler& handler) noexcept {
  return or_cached<asio::associated_allocator_t<Handler>>::from(
      asio::get_associated_allocator(handler));
}

// The sole owner of an operation, which lies in memory from its handler's allocator. Operation
// has a member `handler()`.
template <class Operation>
class operation_ptr {
 public:
  using handler_type = typename Operation::handler_type;

  template <class... Args>
  [[nodiscard]] static operation_ptr make(const handler_type& handler, Args&&... args) {
    allocator_type allocator(handler_allocator(handler));
    Operation* memory = traits::allocate(allocator, 1);
    try {
      ::new (static_cast<void*>(memory)) Operation(std::forward<Args>(args)...);
    } catch (...) {
      traits::deallocate(allocator, memory, 1);
      throw;
    }
    return operation_ptr(memory);
  }

  // Takes back what release() gave away; or null.
  explicit operation_ptr(Operation* operation) noexcept : operation_(operation) {}

  operation_ptr(operation_ptr&& other) noexcept : operation_(other.release()) {}
  operation_ptr& operator=(operation_ptr&& other) noexcept {
    std::swap(operation_, other.operation_);
    return *this;
  }
  ~operation_ptr() {
    if (operation_ == nullptr) return;
    // What the handler owns may be the memory that all of this lies in, so it goes last; unless it
    // throws when it is moved.
    std::optional<handler_type> last;
    allocator_type allocator(handler_allocator(operation_->handler()));
    try {
      last.emplace(std::move(operation_->handler()));
    } catch (...) {
    }
    destroy(allocator);
  }

  [[nodiscard]] Operation* get() const noexcept { return operation_; }
  [[nodiscard]] Operation* release() noexcept { return std::exchange(operation_, nullptr); }
  Operation* operator->() const noexcept { return operation_; }
  Operation& operator*() const noexcept { return *operation_; }

  // The same for an operation whose handler has been moved out, to `handler`: what the allocator
  // needs is there now. Is to go before that does.
  class freed_for;

 private:
  using allocator_type = typename std::allocator_traits<
      handler_allocator_t<handler_type>>::template rebind_alloc<Operation>;
  using traits = std::allocator_traits<allocator_type>;

  void destroy(allocator_type& allocator) noexcept {
    operation_->~Operation();
    traits::deallocate(allocator, release(), 1);
  }

  Operation* operation_;
};

template <class Operation>
class operation_ptr<Operation>::freed_for {
 public:
  freed_for(operation_ptr from, const handler_type& handler) noexcept
      : operation_(std::move(from)), allocator_(handler_allocator(handler)) {}
  ~freed_for() { free(); }
  freed_for(const freed_for&) = delete;
  freed_for& operator=(const freed_for&) = delete;

  void free() noexcept {
    if (operation_.get() != nullptr) operation_.destroy(allocator_);
  }
  Operation* operator->() const noexcept { return operation_.get(); }

 private:
  operation_ptr operation_;
  [[no_unique_address]] allocator_type allocator_;
};

// A handler on its way into its operation, which takes it last. One that throws when it is moved
// may be in pieces then: nobody can be told but whoever has started the operation.
template <class Handler>
class handover {
 public:
  explicit handover(Handler& from) noexcept : from_(from) {}

  [[nodiscard]] Handler&& take() noexcept {
    begun_ = true;
    return std::move(from_);
  }
  [[nodiscard]] bool begun() const noexcept { return begun_; }

 private:
  Handler& from_;
  bool begun_ = false;
};

// --- Cancellation ---

using asio::cancellation_type;

[[nodiscard]] inline std::error_code operation_aborted() noexcept {
  return asio::error::make_error_code(asio::error::operation_aborted);
}

// Total cancellation promises that nothing has happened, which nobody can promise of a job that
// runs.
[[nodiscard]] inline bool stops_running_jobs(cancellation_type type) noexcept {
  return (type & (cancellation_type::terminal | cancellation_type::partial)) !=
         cancellation_type::none;
}

template <class Handler>
[[nodiscard]] bool can_be_cancelled(const Handler& handler) noexcept {
  return asio::get_associated_cancellation_slot(handler).is_connected();
}

// Puts `canceller(cancellation_type)` into the handler's slot.
template <class Handler, class Canceller>
void cancel_with(const Handler& handler, Canceller canceller) {
  asio::get_associated_cancellation_slot(handler).assign(std::move(canceller));
}

// Takes it out again; on the handler's executor.
template <class Handler>
void cancel_no_more(const Handler& handler) noexcept {
  asio::get_associated_cancellation_slot(handler).clear();
}

}  // namespace millrace::detail
