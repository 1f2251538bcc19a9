#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <concepts>
#include <exception>
#include <functional>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "context.hpp"
#include "error.hpp"
#include "runtime_client.hpp"

namespace lambda {

/// What `run` needs to know; by default it comes from the environment.
struct RunOptions {
  RuntimeClientOptions client;
  /// The text of `WORKER_COUNT`; empty for as many workers as the process may use CPUs.
  std::string worker_count;

  [[nodiscard]] static RunOptions from_env();
};

/// The workers that `WORKER_COUNT` asks for: 1 to 6, which is what Lambda's sizes have in vCPUs;
/// `nullopt` when it is empty. Throws `HandlerError("InvalidConfiguration")` that names the value.
[[nodiscard]] std::optional<int> parse_worker_count(std::string_view text);

/// Parses an event. Throws `std::invalid_argument` when it isn't JSON, or nests so deeply that
/// copying and printing it, which recurse, could overflow the stack.
[[nodiscard]] Event parse_event(std::string_view payload);

namespace detail {

using Invoke = std::function<asio::awaitable<nlohmann::json>(Event, Context)>;

/// The part of `run` that doesn't depend on the handler's type.
class Loop {
 public:
  explicit Loop(const RunOptions& options);

  /// Reports why the function can't start. Returns the exit status.
  int init_failed(std::exception_ptr error);

  /// Serves invocations until the Runtime API can't be used. Returns the exit status.
  int serve(const Invoke& invoke);

 private:
  int run(asio::awaitable<void> work);

  asio::io_context context_{1};
  RuntimeClient client_;
};

int run_from_env(const std::function<int(const RunOptions&)>& run);

}  // namespace detail

/// Anything that handles one invocation. It runs on the I/O thread and gives its computing to the
/// pool, of which there is one per process.
template <class T>
concept Handler = requires(T handler, Event event, Context context, millrace::ComputePool<>& pool) {
  { handler(event, context, pool) } -> std::same_as<asio::awaitable<nlohmann::json>>;
};

/// Makes the handler during the init phase; what it throws is reported as an init error.
template <class T>
concept HandlerFactory = requires(T factory, millrace::ComputePool<>& pool) {
  { factory(pool) } -> Handler;
};

/// Serves a Lambda function: makes the pool, then for each event awaits the handler and sends its
/// result, until the Runtime API can't be used.
///
/// A handler's exception reaches the caller (see `describe`) and the next event is served.
///
/// **Runs on**: the calling thread, which becomes the I/O thread. **Completes**: with the
/// process's exit status, never 0: Lambda ends a function by a signal.
/// **Lifetime**: the handler lives until `run` returns.
template <class T>
  requires Handler<T> || HandlerFactory<T>
int run(T handler, const RunOptions& options) {
  detail::Loop loop(options);
  const auto make = [&](millrace::ComputePool<>& pool) {
    if constexpr (HandlerFactory<T>) {
      return handler(pool);
    } else {
      return std::move(handler);
    }
  };
  std::optional<millrace::ComputePool<>> pool;
  std::optional<std::invoke_result_t<decltype(make), millrace::ComputePool<>&>> handle;
  try {
    millrace::ComputeConfig config;
    if (const auto workers = parse_worker_count(options.worker_count)) config.threads = *workers;
    pool.emplace(config);
    handle.emplace(make(*pool));
  } catch (...) {
    return loop.init_failed(std::current_exception());
  }
  return loop.serve([&](Event event, Context context) {
    return (*handle)(std::move(event), std::move(context), *pool);
  });
}

/// `run` with what Lambda has put into the environment.
template <class T>
  requires Handler<T> || HandlerFactory<T>
int run(T handler) {
  return detail::run_from_env(
      [&](const RunOptions& options) { return run<T>(std::move(handler), options); });
}

}  // namespace lambda
