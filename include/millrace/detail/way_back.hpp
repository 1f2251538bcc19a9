#pragma once

#include <asio/any_io_executor.hpp>
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
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "millrace/detail/inbox.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/return_count.hpp"

// Known by name only: who uses a thread_pool's executors has included it.
namespace asio {
class thread_pool;
}

// How an operation gets back to its handler.
namespace millrace::detail {

// The same executor, counted as work of its context: run() doesn't return before it is gone.
template <class Executor>
using tracked_executor = std::decay_t<decltype(asio::prefer(
    std::declval<const Executor&>(), asio::execution::outstanding_work.tracked))>;

// --- Contexts with an inbox ---

// Counts services that have gone, so that a thread may remember the one it used last.
inline std::atomic<std::uint64_t> gone_services{0};

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
    last = {&context, &asio::use_service<Service>(context), gone};
  }
  return *last.found;
}

// The inbox of a context, one per context, made when the first operation needs it. Its shutdown
// comes before that of the context's own services: handlers are dropped while they still live.
template <class Context>
class inbox_service final : public asio::execution_context::service, public inbox {
 public:
  using key_type = inbox_service;
  static inline asio::execution_context::id id;

  explicit inbox_service(asio::execution_context& context)
      : service(context), context_(static_cast<Context&>(context)) {}
  ~inbox_service() override { gone_services.fetch_add(1); }

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

// For the other executors of a context: it waits for their jobs when it shuts down, before its own
// services go, so that a job that has just ended finds them.
class return_service final : public asio::execution_context::service, public return_count {
 public:
  using key_type = return_service;
  static inline asio::execution_context::id id;

  explicit return_service(asio::execution_context& context) : service(context) {}
  ~return_service() override { gone_services.fetch_add(1); }

 private:
  void shutdown() override { close(); }
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
      : out_(returns_of(executor)),
        executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)) {}

  [[nodiscard]] const void* home() const noexcept { return out_.home(); }

  template <class Allocator>
  void deliver(job& done, delivery when, const Allocator& allocator) {
    // The job may be gone before the call returns.
    const return_count::share out(std::move(out_));
    const auto executor = executor_;
    if (when == delivery::later) {
      asio::post(executor, completion<Allocator>(done, allocator));
    } else {
      asio::dispatch(executor, completion<Allocator>(done, allocator));
    }
    job_streak::of_this_thread().interrupt();
  }

 private:
  static return_count* returns_of(const Executor& executor) {
    if constexpr (requires { asio::query(executor, asio::execution::context); }) {
      asio::execution_context& context = asio::query(executor, asio::execution::context);
      return &service_of<return_service>(context);
    } else {
      return nullptr;
    }
  }

  // First, for it may throw: work that comes and goes would stop a context that has no other.
  return_count::share out_;
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
    return service_of<inbox_service<Context>>(
        static_cast<Context&>(asio::query(executor, asio::execution::context)));
  }

  explicit operator bool() const noexcept { return inbox_ != nullptr; }
  [[nodiscard]] const void* home() const noexcept { return inbox_; }

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
//
// A template of the one executor that it is for, so that a file which only includes it doesn't pay.
template <class Executor>
struct usual_context {
  using type = asio::io_context;
};
template <class Executor>
  requires std::is_same_v<Executor, asio::any_io_executor>
class way_back<Executor> {
 public:
  way_back(const Executor& executor, std::chrono::nanoseconds look_out)
      : direct_(inbox_of(executor), look_out),
        other_(direct_ ? nullptr : std::make_unique<by_executor>(executor, look_out)) {}

  [[nodiscard]] const void* home() const noexcept {
    return direct_ ? direct_.home() : other_->home();
  }

  template <class Allocator>
  void deliver(job& done, delivery when, const Allocator& allocator) {
    if (direct_) {
      direct_.deliver(done, when, allocator);
    } else {
      other_->deliver(done, when, allocator);
    }
  }

 private:
  using by_inbox = way_back_by_inbox<typename usual_context<Executor>::type>;
  using by_executor = way_back_by_executor<Executor>;

  static inbox* inbox_of(const Executor& executor) {
    using own = typename by_inbox::executor_type;
    // The type must be asked for: target() of Asio 1.22 casts whatever there is.
    if (executor.target_type() != typeid(own)) return nullptr;
    return &by_inbox::inbox_of(*executor.template target<own>());
  }

  by_inbox direct_;
  std::unique_ptr<by_executor> other_;
};

template <class Handler, class Fallback>
using handler_way_back = way_back<asio::associated_executor_t<Handler, Fallback>>;

// Completes with an error for want of an operation that could. Throws if there is no memory for
// this either.
template <class Result, class Handler, class Fallback>
void fail_later(Handler handler, const Fallback& fallback, std::exception_ptr error) {
  const auto executor = asio::prefer(asio::get_associated_executor(handler, fallback),
                                     asio::execution::outstanding_work.tracked);
  asio::post(executor, [handler = std::move(handler), error = std::move(error)]() mutable {
    Result result;
    result.fail(std::move(error));
    std::move(result).deliver(std::move(handler));
  });
}

template <class Handler, class Fallback>
[[nodiscard]] handler_way_back<Handler, Fallback> make_way_back(const Handler& handler,
                                                                const Fallback& fallback,
                                                                std::chrono::nanoseconds look_out) {
  return {asio::get_associated_executor(handler, fallback), look_out};
}

}  // namespace millrace::detail
