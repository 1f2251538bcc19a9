#include "invocation_stop.hpp"

#include <algorithm>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <string>
#include <system_error>
#include <utility>

namespace lambda::detail {
namespace {

bool is_abort(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    // Asio's category has conditions of its own, so neither comparison covers the other.
    return e.code() == asio::error::operation_aborted || e.code() == std::errc::operation_canceled;
  } catch (...) {
    return false;
  }
}

}  // namespace

void InvocationStop::watch(Context::Clock::time_point deadline, std::chrono::milliseconds margin) {
  using std::chrono::milliseconds;
  if (deadline == Context::Clock::time_point::max()) return;
  const auto left = deadline - Context::Clock::now();
  allowed_ = std::max(milliseconds::zero(), std::chrono::duration_cast<milliseconds>(left));
  margin_ = std::min(margin, allowed_ / 4);
  timer_.expires_after(allowed_ - margin_);
  timer_.async_wait([weak = weak_from_this()](const std::error_code& error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->ended_) return;
    if (self->reason_ == Reason::none) self->reason_ = Reason::deadline;
    self->cancel();
  });
}

void InvocationStop::announce() {
  if (ended_) return;
  if (reason_ == Reason::none) reason_ = Reason::process_end;
  source_.request_stop();
}

void InvocationStop::cancel() {
  if (ended_) return;
  announce();
  signal_.emit(asio::cancellation_type::terminal);
}

void InvocationStop::handler_ended() {
  ended_ = true;
  timer_.cancel();
}

ErrorReport InvocationStop::describe(std::exception_ptr error) const {
  if (reason_ == Reason::none) return lambda::describe(std::move(error));
  ErrorReport report;
  if (reason_ == Reason::deadline) {
    report = {"Function.DeadlineExceeded",
              "the invocation was stopped " + std::to_string(margin_.count()) +
                  " ms before its deadline, after " + std::to_string((allowed_ - margin_).count()) +
                  " ms"};
  } else {
    report = {"Function.ProcessStopped",
              "the invocation was stopped because its process has to end"};
  }
  if (!is_abort(error)) {
    const ErrorReport thrown = lambda::describe(std::move(error));
    report.message += "; the handler threw " + thrown.type + ": " + thrown.message;
  }
  return report;
}

}  // namespace lambda::detail
