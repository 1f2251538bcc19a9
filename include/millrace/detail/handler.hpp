#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_allocator.hpp>
#include <asio/associated_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "millrace/detail/block_cache.hpp"
#include "millrace/detail/inbox.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_streak.hpp"

// Known by name only: who uses a thread_pool's executors has included it.
namespace asio {
class thread_pool;
}

// The one file in detail/ that names Asio: what an operation needs to know about its handler.
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

  // Takes back what release() gave away.
  explicit operation_ptr(Operation* operation) noexcept : operation_(operation) {}

  operation_ptr(operation_ptr&& other) noexcept : operation_(other.release()) {}
  operation_ptr& operator=(operation_ptr&&) = delete;
  ~operation_ptr() {
    if (operation_ != nullptr) {
      allocator_type allocator(handler_allocator(operation_->handler()));
      destroy(allocator);
    }
  }

  [[nodiscard]] Operation* release() noexcept { return std::exchange(operation_, nullptr); }
  Operation* operator->() const noexcept { return operation_; }
  Operation& operator*() const noexcept { return *operation_; }

  // Frees the operation whose handler has been moved to `handler`.
  void free_for(const handler_type& handler) noexcept {
    allocator_type allocator(handler_allocator(handler));
    destroy(allocator);
  }

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

// The same executor, counted as work of its context: run() doesn't return before it is gone.
template <class Executor>
using tracked_executor = std::decay_t<decltype(asio::prefer(
    std::declval<const Executor&>(), asio::execution::outstanding_work.tracked))>;

// --- Contexts with an inbox ---

// Counts inboxes that have gone, so that a thread may remember the one it used last.
inline std::atomic<std::uint64_t> gone_inboxes{0};

// The inbox of a context, one per context, made when the first operation needs it. Its shutdown
// comes before that of the context's own services: handlers are dropped while they still live.
template <class Context>
class inbox_service final : public asio::execution_context::service, public inbox {
 public:
  using key_type = inbox_service;
  static inline asio::execution_context::id id;

  explicit inbox_service(asio::execution_context& context)
      : service(context), context_(static_cast<Context&>(context)) {}
  ~inbox_service() override { gone_inboxes.fetch_add(1); }

  [[nodiscard]] static inbox& of(Context& context) {
    struct memory {
      const Context* context = nullptr;
      inbox* found = nullptr;
      std::uint64_t gone = 0;
    };
    thread_local memory last;
    const std::uint64_t gone = gone_inboxes.load(std::memory_order_acquire);
    if (last.context != &context || last.gone != gone) {
      last = {&context, &asio::use_service<inbox_service>(context), gone};
    }
    return *last.found;
  }

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

  void work_started() noexcept override {
    work_.emplace(
        asio::require(context_.get_executor(), asio::execution::outstanding_work.tracked));
  }
  void work_finished() noexcept override { work_.reset(); }

  void shutdown() override { close(); }

  Context& context_;
  turn_memory memory_;
  std::optional<tracked_executor<typename Context::executor_type>> work_;
};

// --- Ways back ---

// Whether the completion may run right here. It may on a worker, once the job is done; inside the
// initiating function it must not.
enum class delivery { now_or_later, later };

// What is handed to an executor: completes the job when called, drops it when dropped.
template <class Allocator>
class completion {
 public:
  using allocator_type = Allocator;

  completion(job& done, const Allocator& allocator) noexcept
      : done_(&done), allocator_(allocator) {}
  completion(completion&& other) noexcept
      : done_(std::exchange(other.done_, nullptr)), allocator_(other.allocator_) {}
  completion& operator=(completion&&) = delete;
  ~completion() {
    if (done_ != nullptr) done_->perform(job::step::drop);
  }

  void operator()() { std::exchange(done_, nullptr)->perform(job::step::complete); }

  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_; }

 private:
  job* done_;
  Allocator allocator_;
};

// An operation's way back to its handler, which also keeps the handler's context running. This one
// goes through any executor there is: one function object per job.
template <class Executor>
class way_back_by_executor {
 public:
  way_back_by_executor(const Executor& executor, std::chrono::nanoseconds /*look_out*/)
      : executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)) {}

  template <class Allocator>
  void deliver(job& done, delivery when, const Allocator& allocator) {
    const auto executor = executor_;  // the job may be gone before the call returns
    if (when == delivery::later) {
      asio::post(executor, completion<Allocator>(done, allocator));
    } else {
      asio::dispatch(executor, completion<Allocator>(done, allocator));
    }
    job_streak::of_this_thread().interrupt();
  }

 private:
  tracked_executor<Executor> executor_;
};

// Through the inbox of a context, for its own executors, which say no more than "on one of my
// threads".
template <class Context>
class way_back_by_inbox {
 public:
  using executor_type = typename Context::executor_type;

  way_back_by_inbox(const executor_type& executor, std::chrono::nanoseconds look_out)
      : way_back_by_inbox(&inbox_of(executor), look_out) {}
  way_back_by_inbox(inbox* by, std::chrono::nanoseconds look_out) : inbox_(by) {
    if (inbox_ != nullptr) inbox_->expect(look_out);
  }
  way_back_by_inbox(way_back_by_inbox&& other) noexcept
      : inbox_(std::exchange(other.inbox_, nullptr)) {}
  way_back_by_inbox& operator=(way_back_by_inbox&&) = delete;
  ~way_back_by_inbox() {
    if (inbox_ != nullptr) inbox_->received();
  }

  [[nodiscard]] static inbox& inbox_of(const executor_type& executor) {
    return inbox_service<Context>::of(
        static_cast<Context&>(asio::query(executor, asio::execution::context)));
  }

  explicit operator bool() const noexcept { return inbox_ != nullptr; }

  template <class Allocator>
  void deliver(job& done, delivery, const Allocator&) noexcept {
    inbox_->publish(done);
  }

 private:
  inbox* inbox_;
};

template <class Executor>
using context_of = std::remove_reference_t<decltype(asio::query(std::declval<const Executor&>(),
                                                                asio::execution::context))>;

// Whether Context's executor is Executor itself: a strand knows the same context, but says more.
template <class Executor, class Context>
concept own_executor_of = std::is_same_v<context_of<Executor>, Context> &&
                          std::is_same_v<Executor, typename context_of<Executor>::executor_type>;

template <class Executor>
class way_back : public way_back_by_executor<Executor> {
  using way_back_by_executor<Executor>::way_back_by_executor;
};
template <class Executor>
  requires own_executor_of<Executor, asio::io_context> ||
           own_executor_of<Executor, asio::thread_pool>
class way_back<Executor> : public way_back_by_inbox<context_of<Executor>> {
  using way_back_by_inbox<context_of<Executor>>::way_back_by_inbox;
};

// What coroutines have: any executor, mostly an io_context's. The other ones lie apart, so that
// they don't make every operation a cache line longer.
template <>
class way_back<asio::any_io_executor> {
 public:
  way_back(const asio::any_io_executor& executor, std::chrono::nanoseconds look_out)
      : direct_(inbox_of(executor), look_out),
        other_(direct_ ? nullptr : std::make_unique<by_executor>(executor, look_out)) {}

  template <class Allocator>
  void deliver(job& done, delivery when, const Allocator& allocator) {
    if (direct_) {
      direct_.deliver(done, when, allocator);
    } else {
      other_->deliver(done, when, allocator);
    }
  }

 private:
  using by_inbox = way_back_by_inbox<asio::io_context>;
  using by_executor = way_back_by_executor<asio::any_io_executor>;

  static inbox* inbox_of(const asio::any_io_executor& executor) {
    using own = asio::io_context::executor_type;
    // The type must be asked for: target() of Asio 1.22 casts whatever there is.
    if (executor.target_type() != typeid(own)) return nullptr;
    return &by_inbox::inbox_of(*executor.target<own>());
  }

  by_inbox direct_;
  std::unique_ptr<by_executor> other_;
};

template <class Handler, class Fallback>
using handler_way_back = way_back<asio::associated_executor_t<Handler, Fallback>>;

template <class Handler, class Fallback>
[[nodiscard]] handler_way_back<Handler, Fallback> make_way_back(const Handler& handler,
                                                                const Fallback& fallback,
                                                                std::chrono::nanoseconds look_out) {
  return {asio::get_associated_executor(handler, fallback), look_out};
}

}  // namespace millrace::detail
