#pragma once

#include <asio/execution/blocking.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution/executor.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <asio/system_executor.hpp>
#include <type_traits>

// What use_future's handlers have: Asio has no public name for it.
namespace asio::detail {
template <typename T, typename Blocking>
class promise_executor;
}

// Every kind of executor that Asio itself takes for handlers: those with properties, all or few of
// them, and those of the Networking TS, `io_context::strand` say, which have member functions.
namespace millrace::detail {

template <class Executor>
concept executor_with_properties = asio::execution::is_executor<Executor>::value;

// Whether asio::post accepts it. Where it doesn't, nobody can promise that a function object isn't
// run inside the call that hands it over.
template <class Executor>
concept postable = !executor_with_properties<Executor> ||
                   asio::can_require<Executor, asio::execution::blocking_t::never_t>::value;

// The executors of the process. Their context is made, and starts threads, when somebody asks for
// it, which a handler that is called on a worker has no need of.
template <class Executor>
inline constexpr bool is_the_systems = false;
template <class... Properties>
inline constexpr bool is_the_systems<asio::basic_system_executor<Properties...>> = true;
template <class T, class Blocking>
inline constexpr bool is_the_systems<asio::detail::promise_executor<T, Blocking>> = true;

// The context of an executor; null if it doesn't tell, or isn't to be asked.
template <class Executor>
[[nodiscard]] asio::execution_context* context_behind(const Executor& executor) noexcept {
  if constexpr (is_the_systems<Executor>) {
    return nullptr;
  } else if constexpr (requires { asio::query(executor, asio::execution::context); }) {
    asio::execution_context& own = asio::query(executor, asio::execution::context);
    return &own;
  } else if constexpr (!executor_with_properties<Executor>) {
    asio::execution_context& own = executor.context();
    return &own;
  } else {
    return nullptr;
  }
}

// The same executor, counted as work of its context: run() doesn't return before it is gone.
template <class Executor>
class tracked_executor {
 public:
  explicit tracked_executor(const Executor& executor)
      : executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)) {}
  [[nodiscard]] const auto& get() const noexcept { return executor_; }

 private:
  std::decay_t<decltype(asio::prefer(std::declval<const Executor&>(),
                                     asio::execution::outstanding_work.tracked))>
      executor_;
};

template <class Executor>
  requires(!executor_with_properties<Executor>)
class tracked_executor<Executor> {
 public:
  explicit tracked_executor(const Executor& executor) : work_(executor) {}
  [[nodiscard]] Executor get() const noexcept { return work_.get_executor(); }

 private:
  asio::executor_work_guard<Executor> work_;
};

}  // namespace millrace::detail
