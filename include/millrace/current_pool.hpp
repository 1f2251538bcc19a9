#pragma once

#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#include <asio/system_executor.hpp>
#include <asio/use_awaitable.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/concepts.hpp"
#include "millrace/detail/current_pool.hpp"
#include "millrace/detail/inbox_service.hpp"
#include "millrace/detail/join_op.hpp"
#include "millrace/detail/refusals.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/error.hpp"
#include "millrace/instrumentation.hpp"
#include "millrace/job_options.hpp"
#include "millrace/scope.hpp"

// The current pool: `attach(context, pool)` once, and then `co_await millrace::execute(f)` wherever
// a coroutine of that context has no pool at hand.

namespace millrace {

namespace detail {

// Where a context keeps its pool, one for each instrumentation policy.
template <class Instrumentation>
class current_pool_service final : public asio::execution_context::service,
                                   public remembered_service {
 public:
  using key_type = current_pool_service;
  static inline asio::execution_context::id id;

  explicit current_pool_service(asio::execution_context& context) : service(context) {}

  [[nodiscard]] const std::shared_ptr<pool_slot>& slot() const noexcept { return slot_; }

 private:
  void shutdown() override {}

  const std::shared_ptr<pool_slot> slot_ = std::make_shared<pool_slot>();
};

// In a pool, which is a context, too: told when it goes.
class slots_service final : public asio::execution_context::service, public slots_of_pool {
 public:
  using key_type = slots_service;
  static inline asio::execution_context::id id;

  explicit slots_service(asio::execution_context& pool) : service(pool) {}

 private:
  void shutdown() override { leave_all(); }
};

// The pool of the executor's context; null if there is none.
template <class Instrumentation, class Executor>
[[nodiscard]] ComputePool<Instrumentation>* pool_of(const Executor& executor) {
  asio::execution_context* const context = context_behind(executor);
  if (context == nullptr) return nullptr;
  auto& service = service_of<current_pool_service<Instrumentation>>(*context);
  return static_cast<ComputePool<Instrumentation>*>(service.slot()->pool());
}

// A token for a handler that another token has made already. A type of its own: a handler that can
// be called with nothing would be taken for one of join's callables.
template <class Handler>
struct handed_on {
  Handler handler;
};

// Starts `call(pool, arguments..., token)` on the pool of the handler's executor.
template <class Instrumentation, class R, class Call>
struct on_current_pool {
  using executor_type = asio::system_executor;
  Call call;

  [[nodiscard]] executor_type get_executor() const noexcept { return {}; }

  template <class Handler, class Arguments>
  void operator()(Handler&& token_handler, Arguments&& arguments) const {
    using handler_type = std::decay_t<Handler>;
    handler_type handler(std::forward<Handler>(token_handler));
    auto* const pool = pool_of<Instrumentation>(asio::get_associated_executor(handler));
    if (pool == nullptr) {
      const std::system_error none(make_error_code(errc::no_current_pool));
      return fail_later<job_result<R>>(std::move(handler), get_executor(),
                                       std::make_exception_ptr(none));
    }
    std::apply(
        [&](auto&... each) {
          call(*pool, std::move(each)..., handed_on<handler_type>{std::move(handler)});
        },
        arguments);
  }
};

template <class Instrumentation, class R, class Token, class Call, class... Arguments>
auto start_on_current_pool(Token&& token, Call call, Arguments&&... arguments) {
  (check_callable<Arguments>(), ...);
  check_alignment<Token, std::decay_t<Arguments>..., R>();
  using signature = typename completion_signature<R>::type;
  return asio::async_initiate<Token, signature>(
      on_current_pool<Instrumentation, R, Call>{call}, token,
      std::tuple<std::decay_t<Arguments>...>(std::forward<Arguments>(arguments)...));
}

inline constexpr auto call_execute = [](auto& pool, auto&&... arguments) {
  pool.execute(std::move(arguments)...);
};
inline constexpr auto call_install = [](auto& pool, auto&&... arguments) {
  pool.install(std::move(arguments)...);
};
inline constexpr auto call_join = [](auto& pool, auto&&... arguments) {
  pool.join(std::move(arguments)...);
};
inline constexpr auto call_scoped = [](auto& pool, auto&&... arguments) {
  pool.execute_scoped(std::move(arguments)...);
};
inline constexpr auto call_scoped_fifo = [](auto& pool, auto&&... arguments) {
  pool.execute_scoped_fifo(std::move(arguments)...);
};

// Options: JobOptions or nothing.
template <class Instrumentation, std::size_t... I, class All, class Token, class... Options>
auto join_on_current_pool(std::index_sequence<I...>, All& all, Token&& token, Options... options) {
  using body = join_body<std::decay_t<std::tuple_element_t<I, All>>...>;
  return start_on_current_pool<Instrumentation, typename body::result_type>(
      std::forward<Token>(token), call_join, options...,
      std::forward<std::tuple_element_t<I, All>>(std::get<I>(all))...);
}

// As ComputePool::join tells callables from a token.
template <class Instrumentation, class All, class... Options>
auto split_join(All all, Options... options) {
  constexpr std::size_t size = std::tuple_size_v<All>;
  using last = std::tuple_element_t<size - 1, All>;
  if constexpr (is_token<last>) {
    static_assert(size >= 3, "join takes two callables or more");
    return join_on_current_pool<Instrumentation>(std::make_index_sequence<size - 1>(), all,
                                                 std::get<size - 1>(std::move(all)), options...);
  } else {
    return join_on_current_pool<Instrumentation>(std::make_index_sequence<size>(), all,
                                                 asio::use_awaitable_t<>(), options...);
  }
}

}  // namespace detail

/// Keeps a pool attached to a context: what `attach` returns.
///
/// **Lifetime:** attachment, pool and context may go in any order. Where the pool goes first its
/// context has none from then on.
class [[nodiscard]] Attachment {
 public:
  /// Attaches nothing.
  Attachment() noexcept = default;

  Attachment(Attachment&& other) noexcept = default;
  /// Detaches what this had attached.
  Attachment& operator=(Attachment&& other) noexcept {
    Attachment taken(std::move(other));
    slot_.swap(taken.slot_);
    std::swap(number_, taken.number_);
    return *this;
  }
  /// Detaches.
  ~Attachment() { detach(); }

  /// From here on the context has no pool; operations that were started go on. A second call does
  /// nothing. **Thread safety:** with operations that other threads start: they find the pool, or
  /// don't. One that has found it needs it until its initiating call returns, so a pool is
  /// destroyed only where no such call is in progress.
  void detach() noexcept {
    if (slot_ != nullptr) slot_->take_out(number_);
    slot_.reset();
  }

 private:
  template <class Instrumentation>
  friend Attachment attach(asio::execution_context& context, ComputePool<Instrumentation>& pool);

  std::shared_ptr<detail::pool_slot> slot_;
  std::uint64_t number_ = 0;
};

/// Makes `pool` the current pool of all executors of `context`, strands and `any_io_executor`
/// included, until the attachment, the pool or the context goes.
///
/// A pool may be attached to any number of contexts, also to itself for the coroutines that run on
/// it; a context has one pool for each instrumentation policy.
/// **Errors:** `std::logic_error` if the context has a pool of this policy; `std::bad_alloc`.
/// **Thread safety:** any thread. **Allocation:** from the heap.
/// **Example:** examples/10_handles.cpp
template <class Instrumentation>
[[nodiscard]] Attachment attach(asio::execution_context& context,
                                ComputePool<Instrumentation>& pool) {
  using service = detail::current_pool_service<Instrumentation>;
  Attachment made;
  made.slot_ = asio::use_service<service>(context).slot();
  auto& slots = asio::use_service<detail::slots_service>(pool);
  made.number_ = made.slot_->put(&pool);
  if (made.number_ == 0) {
    throw std::logic_error("millrace::attach: the context has a pool already; detach that first");
  }
  slots.add(made.slot_, made.number_);
  return made;
}

/// The pool that is attached to the context of `executor`.
///
/// Throws `std::system_error` with `errc::no_current_pool` if there is none, and `std::bad_alloc`.
/// **Thread safety:** any thread.
template <InstrumentationPolicy Instrumentation = ComputeMetrics, class Executor>
[[nodiscard]] ComputePool<Instrumentation>& current_pool(const Executor& executor) {
  auto* const pool = detail::pool_of<Instrumentation>(executor);
  if (pool == nullptr) {
    throw std::system_error(make_error_code(errc::no_current_pool), "millrace::current_pool");
  }
  return *pool;
}

/// `ComputePool::execute` on the current pool: that of the context of the handler's associated
/// executor when the operation is initiated; for `co_await` the coroutine's own.
///
/// All else is as `ComputePool` says. **Errors:** `errc::no_current_pool` where there is none, as
/// the operation's completion; a handler without an executor has none.
///
/// A pool with another instrumentation policy is found by that: `millrace::execute<NoMetrics>(f)`.
template <InstrumentationPolicy Instrumentation = ComputeMetrics, Job F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto execute(F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, job_result_t<F>>(
      std::forward<Token>(token), detail::call_execute, std::forward<F>(f));
}
template <InstrumentationPolicy Instrumentation = ComputeMetrics, Job F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto execute(JobOptions options, F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, job_result_t<F>>(
      std::forward<Token>(token), detail::call_execute, options, std::forward<F>(f));
}

/// `ComputePool::install` on the current pool, see `execute`.
template <InstrumentationPolicy Instrumentation = ComputeMetrics, Job F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto install(F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, job_result_t<F>>(
      std::forward<Token>(token), detail::call_install, std::forward<F>(f));
}
template <InstrumentationPolicy Instrumentation = ComputeMetrics, Job F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto install(JobOptions options, F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, job_result_t<F>>(
      std::forward<Token>(token), detail::call_install, options, std::forward<F>(f));
}

/// `ComputePool::join` on the current pool, see `execute`: `join(f, g, ..., token)`.
template <InstrumentationPolicy Instrumentation = ComputeMetrics, class First, class... Args>
  requires(sizeof...(Args) >= 1 && !std::same_as<std::decay_t<First>, JobOptions>)
[[nodiscard]] auto join(First&& first, Args&&... args) {
  return detail::split_join<Instrumentation>(
      std::forward_as_tuple(std::forward<First>(first), std::forward<Args>(args)...));
}
template <InstrumentationPolicy Instrumentation = ComputeMetrics, class... Args>
  requires(sizeof...(Args) >= 2)
[[nodiscard]] auto join(JobOptions options, Args&&... args) {
  return detail::split_join<Instrumentation>(std::forward_as_tuple(std::forward<Args>(args)...),
                                             options);
}

/// `ComputePool::execute_scoped` on the current pool, see `execute`.
template <InstrumentationPolicy Instrumentation = ComputeMetrics, ScopeBody F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto execute_scoped(F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, detail::scope_result_t<std::decay_t<F>>>(
      std::forward<Token>(token), detail::call_scoped, std::forward<F>(f));
}
template <InstrumentationPolicy Instrumentation = ComputeMetrics, ScopeBody F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto execute_scoped(JobOptions options, F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, detail::scope_result_t<std::decay_t<F>>>(
      std::forward<Token>(token), detail::call_scoped, options, std::forward<F>(f));
}

/// `ComputePool::execute_scoped_fifo` on the current pool, see `execute`.
template <InstrumentationPolicy Instrumentation = ComputeMetrics, ScopeBody F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto execute_scoped_fifo(F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, detail::scope_result_t<std::decay_t<F>>>(
      std::forward<Token>(token), detail::call_scoped_fifo, std::forward<F>(f));
}
template <InstrumentationPolicy Instrumentation = ComputeMetrics, ScopeBody F,
          class Token = asio::use_awaitable_t<>>
[[nodiscard]] auto execute_scoped_fifo(JobOptions options, F&& f, Token&& token = Token()) {
  return detail::start_on_current_pool<Instrumentation, detail::scope_result_t<std::decay_t<F>>>(
      std::forward<Token>(token), detail::call_scoped_fifo, options, std::forward<F>(f));
}

}  // namespace millrace

template <class Handler, class Signature>
class asio::async_result<millrace::detail::handed_on<Handler>, Signature> {
 public:
  template <class Initiation, class... Arguments>
  static void initiate(Initiation&& start, millrace::detail::handed_on<Handler> token,
                       Arguments&&... arguments) {
    std::forward<Initiation>(start)(std::move(token.handler),
                                    std::forward<Arguments>(arguments)...);
  }
};
