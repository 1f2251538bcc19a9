#pragma once

#include <asio/associated_allocator.hpp>
#include <asio/associated_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <memory>
#include <type_traits>
#include <utility>

// The one file in detail/ that names Asio: what an operation needs to know about its handler.
namespace millrace::detail {

template <class Handler> using handler_allocator_t = asio::associated_allocator_t<Handler>;

// The executor that the handler runs through, counted as work: its context's run() doesn't return
// before the handler has run. `Fallback` is for handlers that have no executor of their own.
template <class Handler, class Fallback>
using handler_work = asio::executor_work_guard<asio::associated_executor_t<Handler, Fallback>>;

template <class Handler, class Fallback>
[[nodiscard]] handler_work<Handler, Fallback> make_handler_work(const Handler& handler,
                                                                const Fallback& fallback) {
  return handler_work<Handler, Fallback>(asio::get_associated_executor(handler, fallback));
}

// The sole owner of an operation, which lies in memory from its handler's allocator. Operation
// has a member `handler()`.
template <class Operation> class operation_ptr {
 public:
  using allocator_type = typename std::allocator_traits<
      handler_allocator_t<typename Operation::handler_type>>::template rebind_alloc<Operation>;

  template <class... Args>
  [[nodiscard]] static operation_ptr make(const typename Operation::handler_type& handler,
                                          Args&&... args) {
    allocator_type allocator(asio::get_associated_allocator(handler));
    Operation* memory = traits::allocate(allocator, 1);
    try {
      ::new (static_cast<void*>(memory)) Operation(std::forward<Args>(args)...);
    } catch (...) {
      traits::deallocate(allocator, memory, 1);
      throw;
    }
    return operation_ptr(memory);
  }

  // Takes back what release() gave away.
  explicit operation_ptr(Operation* operation) noexcept : operation_(operation) {}

  operation_ptr(operation_ptr&& other) noexcept : operation_(other.release()) {}
  operation_ptr& operator=(operation_ptr&&) = delete;
  ~operation_ptr() {
    if (operation_ != nullptr) {
      allocator_type allocator(asio::get_associated_allocator(operation_->handler()));
      destroy(allocator);
    }
  }

  [[nodiscard]] Operation* release() noexcept { return std::exchange(operation_, nullptr); }
  Operation* operator->() const noexcept { return operation_; }
  Operation& operator*() const noexcept { return *operation_; }

  // Frees the operation whose handler has been moved to `handler`.
  void free_for(const typename Operation::handler_type& handler) noexcept {
    allocator_type allocator(asio::get_associated_allocator(handler));
    destroy(allocator);
  }

 private:
  using traits = std::allocator_traits<allocator_type>;

  void destroy(allocator_type& allocator) noexcept {
    operation_->~Operation();
    traits::deallocate(allocator, release(), 1);
  }

  Operation* operation_;
};

// What is handed to an executor: completes the operation when called, destroys it when dropped.
template <class Operation> class completion {
 public:
  using allocator_type = handler_allocator_t<typename Operation::handler_type>;

  explicit completion(operation_ptr<Operation> operation) noexcept
      : operation_(std::move(operation)) {}

  void operator()() { Operation::complete(std::move(operation_)); }

  [[nodiscard]] allocator_type get_allocator() const noexcept {
    return asio::get_associated_allocator(operation_->handler());
  }

 private:
  operation_ptr<Operation> operation_;
};

// Whether the completion may run right here. It may on a worker, once the job is done; inside the
// initiating function it must not.
enum class delivery { now_or_later, later };

// Sends a finished operation to its handler's executor.
template <class Operation> void deliver(operation_ptr<Operation> operation, delivery when) {
  const auto executor = operation->executor();
  if (when == delivery::later) {
    asio::post(executor, completion<Operation>(std::move(operation)));
  } else {
    asio::dispatch(executor, completion<Operation>(std::move(operation)));
  }
}

}  // namespace millrace::detail
