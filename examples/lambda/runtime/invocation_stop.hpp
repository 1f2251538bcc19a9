#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <stop_token>

#include "context.hpp"
#include "error.hpp"

namespace lambda::detail {

/// What ends one invocation early: its deadline, or the end of the process.
///
/// **Runs on**: the I/O thread. **Lifetime**: a `shared_ptr`, held by the invocation's coroutine,
/// whose cancellation slot is in here. **Thread safety**: none, but for the tokens.
class InvocationStop : public std::enable_shared_from_this<InvocationStop> {
 public:
  explicit InvocationStop(const asio::any_io_executor& executor) : timer_(executor) {}

  /// Stops the invocation `margin` before its deadline, or a quarter of the time that is left if
  /// that is shorter.
  void watch(Context::Clock::time_point deadline, std::chrono::milliseconds margin);

  /// Says through the token that the process is about to end.
  void announce();

  /// The same, and cancels what the handler awaits.
  void cancel();

  /// The handler has ended: nothing is stopped any more.
  void handler_ended();

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  [[nodiscard]] asio::cancellation_slot slot() { return signal_.slot(); }

  /// What the caller is told about an exception that left the handler: why it was stopped, if it
  /// was.
  [[nodiscard]] ErrorReport describe(std::exception_ptr error) const;

 private:
  enum class Reason { none, deadline, process_end };

  asio::steady_timer timer_;
  asio::cancellation_signal signal_;
  std::stop_source source_;
  Reason reason_ = Reason::none;
  bool ended_ = false;
  std::chrono::milliseconds allowed_{};
  std::chrono::milliseconds margin_{};
};

}  // namespace lambda::detail
