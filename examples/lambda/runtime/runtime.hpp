#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <concepts>
#include <exception>
#include <functional>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "context.hpp"
#include "error.hpp"
#include "loop.hpp"
#include "options.hpp"
#include "response_stream.hpp"

namespace lambda {

/// Anything that handles one invocation and returns its reply. It runs on the I/O thread and gives
/// its computing to the pool, of which there is one per process.
template <class T>
concept WholeHandler =
    requires(T handler, Event event, Context context, millrace::ComputePool<>& pool) {
      { handler(event, context, pool) } -> std::same_as<asio::awaitable<nlohmann::json>>;
    };

/// The same for a reply that is sent while it is written.
template <class T>
concept StreamingHandler = requires(T handler, Event event, Context context,
                                    millrace::ComputePool<>& pool, ResponseStream& out) {
  { handler(event, context, pool, out) } -> std::same_as<asio::awaitable<void>>;
};

template <class T>
concept Handler = WholeHandler<T> || StreamingHandler<T>;

/// Makes the handler during the init phase; what it throws is reported as an init error. The
/// executor is the I/O thread's, e.g. for an `HttpClient` that the handler keeps: the handler is
/// destroyed before the executor's context.
template <class T>
concept HandlerFactory =
    requires(T factory, asio::any_io_executor executor, millrace::ComputePool<>& pool) {
      { factory(executor, pool) } -> Handler;
    } || requires(T factory, millrace::ComputePool<>& pool) {
      { factory(pool) } -> Handler;
    };

namespace detail {

template <class T>
auto make_handler(T& made, const asio::any_io_executor& executor, millrace::ComputePool<>& pool) {
  if constexpr (Handler<T>) {
    return std::move(made);
  } else if constexpr (requires { made(executor, pool); }) {
    return made(executor, pool);
  } else {
    return made(pool);
  }
}

template <class T>
Function make_function(T& handler, millrace::ComputePool<>& pool) {
  Function function;
  function.metrics = [&pool] { return pool.metrics(); };
  if constexpr (WholeHandler<T>) {
    function.invoke = InvokeWhole([&](Event event, Context context) {
      return handler(std::move(event), std::move(context), pool);
    });
  } else {
    function.invoke = InvokeStreaming([&](Event event, Context context, ResponseStream& out) {
      return handler(std::move(event), std::move(context), pool, out);
    });
  }
  return function;
}

}  // namespace detail

/// Serves a Lambda function: makes the pool and the handler, then awaits the handler for each event
/// and sends its reply, until the Runtime API can't be used or, with
/// `RunOptions::graceful_stop`, until SIGTERM.
///
/// A handler's exception reaches the caller (see `describe`) and the next event is served.
///
/// **Runs on**: the calling thread, which becomes the I/O thread. **Completes**: with the
/// process's exit status; 0 only after a graceful stop, as otherwise Lambda ends a function by a
/// signal. **Cancellation**: shortly before an invocation's deadline its `Context::stop_token` is
/// requested and what the handler awaits is cancelled (terminal): a pool job that waits never runs,
/// one that runs sees its `std::stop_token`. The caller then gets `Function.DeadlineExceeded`.
/// **Lifetime**: the handler lives until `run` returns.
template <class T>
  requires Handler<T> || HandlerFactory<T>
int run(T handler, const RunOptions& options) {
  detail::Loop loop(options);
  using Made = decltype(detail::make_handler(handler, loop.executor(),
                                             std::declval<millrace::ComputePool<>&>()));
  std::optional<millrace::ComputePool<>> pool;
  std::optional<Made> made;
  try {
    options.validate();
    millrace::ComputeConfig config = options.compute;
    if (const auto workers = parse_worker_count(options.worker_count)) config.threads = *workers;
    pool.emplace(config);
    made.emplace(detail::make_handler(handler, loop.executor(), *pool));
  } catch (...) {
    return loop.init_failed(std::current_exception());
  }
  return loop.serve(detail::make_function(*made, *pool));
}

/// `run` with what Lambda has put into the environment.
template <class T>
  requires Handler<T> || HandlerFactory<T>
int run(T handler) {
  return detail::run_from_env(
      [&](const RunOptions& options) { return run<T>(std::move(handler), options); });
}

}  // namespace lambda
