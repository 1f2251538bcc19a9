#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <millrace/config.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "runtime_client.hpp"

namespace lambda {

/// What to do when Lambda ends the process, which it does without a word unless an extension is
/// registered.
struct GracefulStop {
  /// Under which `run` registers; unique among the function's extensions.
  std::string extension_name = "millrace-lambda";
  /// Runs on the I/O thread when no invocation is under way any more, or the time for them is up,
  /// and has what is left of Lambda's 500 ms. Empty for nothing.
  std::function<asio::awaitable<void>()> callback;
};

/// What `run` needs to know. `from_env` takes from the environment what Lambda and the user have
/// put there; a `main` may set any of it.
struct RunOptions {
  RuntimeClientOptions client;
  /// The text of `WORKER_COUNT`; empty for what `compute` says.
  std::string worker_count;
  /// The pool; by default it has as many workers as the process may use CPUs.
  millrace::ComputeConfig compute;
  /// `AWS_LAMBDA_MAX_CONCURRENCY`: invocations at a time, 1 to 1000.
  int max_concurrency = 1;
  /// `LAMBDA_DEADLINE_MARGIN_MS`: how long before its deadline an invocation is stopped, so that
  /// its error still reaches the caller; 0 to 60000 ms, and never more than a quarter of the whole
  /// time.
  std::chrono::milliseconds deadline_margin{200};
  /// Whether the messages of a handler's exceptions are logged. Off, because they often quote the
  /// event, and users' data doesn't belong into a log; the caller gets them anyway.
  bool log_error_messages = false;
  std::optional<GracefulStop> graceful_stop;
  /// What `from_env` couldn't make sense of; `run` reports it as an init error.
  std::string configuration_error;

  /// Throws nothing for a value that is wrong, which can only be reported by a client that is
  /// there.
  [[nodiscard]] static RunOptions from_env();

  /// Throws `HandlerError("InvalidConfiguration")` that names the first value that is wrong.
  void validate() const;
};

/// The workers that `WORKER_COUNT` asks for: 1 to 6, which is what Lambda's sizes have in vCPUs;
/// `nullopt` when it is empty. Throws `HandlerError("InvalidConfiguration")` that names the value.
[[nodiscard]] std::optional<int> parse_worker_count(std::string_view text);

}  // namespace lambda
