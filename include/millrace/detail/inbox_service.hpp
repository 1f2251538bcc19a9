#pragma once

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "millrace/detail/executors.hpp"
#include "millrace/detail/inbox.hpp"
#include "millrace/detail/return_count.hpp"

// What lies in an execution context for the operations that come back to it.
namespace millrace::detail {

// Counts services that have gone, so that a thread may remember the one it used last.
inline std::atomic<std::uint64_t> gone_services{0};

// A service that threads remember, and that tells them when it goes. Each shared object with hidden
// symbols has a count of its own, so it keeps those of whoever has found it.
class remembered_service {
 public:
  // False: there are too many.
  [[nodiscard]] bool remembered_by(std::atomic<std::uint64_t>& count) noexcept {
    for (std::atomic<counter>& each : told_) {
      counter seen = each.load(std::memory_order_acquire);
      if (seen == nullptr) each.compare_exchange_strong(seen, &count);
      if (seen == nullptr || seen == &count) return true;
    }
    return false;
  }

 protected:
  ~remembered_service() {
    for (std::atomic<counter>& each : told_) {
      if (const counter one = each.load(std::memory_order_acquire)) one->fetch_add(1);
    }
  }

 private:
  using counter = std::atomic<std::uint64_t>*;
  std::array<std::atomic<counter>, 8> told_{};
};

// The Service of a context; made when the first operation needs it.
template <class Service, class Context>
[[nodiscard]] Service& service_of(Context& context) {
  struct memory {
    const Context* context = nullptr;
    Service* found = nullptr;
    std::uint64_t gone = 0;
  };
  thread_local memory last;
  const std::uint64_t gone = gone_services.load(std::memory_order_acquire);
  if (last.context != &context || last.gone != gone) {
    Service& found = asio::use_service<Service>(context);
    if (!found.remembered_by(gone_services)) return found;
    last = {&context, &found, gone};
  }
  return *last.found;
}

// The inbox of a context, one per context, made when the first operation needs it. Its shutdown
// comes before that of the context's own services: handlers are dropped while they still live.
template <class Context>
class inbox_service final : public asio::execution_context::service,
                            public inbox,
                            public remembered_service {
 public:
  using key_type = inbox_service;
  static inline asio::execution_context::id id;

  explicit inbox_service(asio::execution_context& context)
      : service(context), context_(static_cast<Context&>(context)) {}

 private:
  // One turn at a time is on its way, so its memory can lie here.
  class turn_memory {
   public:
    void* allocate(std::size_t bytes) {
      if (bytes <= sizeof bytes_ && !used_.exchange(true, std::memory_order_acquire)) return bytes_;
      return ::operator new(bytes);
    }
    void deallocate(void* memory) noexcept {
      if (memory == bytes_) {
        used_.store(false, std::memory_order_release);
      } else {
        ::operator delete(memory);
      }
    }

   private:
    alignas(std::max_align_t) std::byte bytes_[128];
    std::atomic<bool> used_{false};
  };

  template <class T>
  struct turn_allocator {
    using value_type = T;
    turn_memory* memory;

    explicit turn_allocator(turn_memory* from) noexcept : memory(from) {}
    template <class U>
    turn_allocator(const turn_allocator<U>& other) noexcept  // NOLINT: as allocators do
        : memory(other.memory) {}
    T* allocate(std::size_t n) { return static_cast<T*>(memory->allocate(n * sizeof(T))); }
    void deallocate(T* at, std::size_t) noexcept { memory->deallocate(at); }
    friend bool operator==(turn_allocator a, turn_allocator b) noexcept {
      return a.memory == b.memory;
    }
  };

  struct turn_function {
    inbox_service* self;
    using allocator_type = turn_allocator<void>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
      return allocator_type(&self->memory_);
    }
    void operator()() const { self->turn(); }
  };

  void call() override { asio::post(context_.get_executor(), turn_function{this}); }

  [[nodiscard]] bool stopped() const noexcept override {
    if constexpr (requires { context_.stopped(); }) {
      return context_.stopped();
    } else {
      return false;
    }
  }

  void work_started() noexcept override { work_.emplace(context_.get_executor()); }
  void work_finished() noexcept override { work_.reset(); }

  void shutdown() override { close(); }

  Context& context_;
  turn_memory memory_;
  std::optional<tracked_executor<typename Context::executor_type>> work_;
};

// For the other executors of a context: it waits for their jobs when it shuts down, before its own
// services go, so that a job that has just ended finds them.
class return_service final : public asio::execution_context::service,
                             public return_count,
                             public remembered_service {
 public:
  using key_type = return_service;
  static inline asio::execution_context::id id;

  explicit return_service(asio::execution_context& context) : service(context) {}

 private:
  void shutdown() override { close(); }
};

// --- Which contexts have an inbox ---

template <class Executor>
using context_of = std::remove_reference_t<decltype(asio::query(std::declval<const Executor&>(),
                                                                asio::execution::context))>;

// Whether Context's executor is Executor itself: a strand knows the same context, but says more.
template <class Executor, class Context>
concept own_executor_of = std::is_same_v<context_of<Executor>, Context> &&
                          std::is_same_v<Executor, typename context_of<Executor>::executor_type>;
template <class Executor>
concept own_executor =
    own_executor_of<Executor, asio::io_context> || own_executor_of<Executor, asio::thread_pool>;

template <class Executor>
inline constexpr bool is_strand = false;
template <class Inner>
inline constexpr bool is_strand<asio::strand<Inner>> = true;

// What coroutines have: any executor, mostly an io_context's.
template <class Executor>
concept any_executor = std::is_same_v<Executor, asio::any_io_executor>;

template <class... Known, any_executor Executor>
[[nodiscard]] bool holds_one_of(const Executor& executor) noexcept {
  return ((executor.target_type() == typeid(Known)) || ...);
}
template <any_executor Executor>
[[nodiscard]] bool holds_own_executor(const Executor& executor) noexcept {
  return holds_one_of<asio::io_context::executor_type, asio::thread_pool::executor_type>(executor);
}

// The inbox of the context that an executor belongs to, as its own executor or as a strand around
// that. None: null.
template <class Executor>
[[nodiscard]] inbox* inbox_behind(const Executor& executor);

template <class... Known, any_executor Executor>
[[nodiscard]] inbox* inbox_behind_one_of(const Executor& executor) {
  inbox* found = nullptr;
  // The type must be asked for: target() of Asio 1.22 casts whatever there is.
  static_cast<void>(((holds_one_of<Known>(executor) &&
                      (found = inbox_behind(*executor.template target<Known>()), true)) ||
                     ...));
  return found;
}

template <class Executor>
inbox* inbox_behind(const Executor& executor) {
  if constexpr (own_executor<Executor>) {
    using context = context_of<Executor>;
    return &service_of<inbox_service<context>>(
        static_cast<context&>(asio::query(executor, asio::execution::context)));
  } else if constexpr (is_strand<Executor>) {
    return inbox_behind(executor.get_inner_executor());
  } else if constexpr (any_executor<Executor>) {
    using of_loop = asio::io_context::executor_type;
    using of_threads = asio::thread_pool::executor_type;
    return inbox_behind_one_of<of_loop, of_threads, asio::strand<of_loop>, asio::strand<of_threads>,
                               asio::strand<Executor>>(executor);
  } else {
    return nullptr;
  }
}

}  // namespace millrace::detail
