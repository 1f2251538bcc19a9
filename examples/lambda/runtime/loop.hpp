#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <millrace/metrics.hpp>
#include <set>
#include <variant>
#include <vector>

#include "context.hpp"
#include "error.hpp"
#include "invocation_stop.hpp"
#include "options.hpp"
#include "report.hpp"
#include "response_stream.hpp"
#include "runtime_client.hpp"

namespace lambda {

/// Parses an event. Throws `std::invalid_argument` when `text::read_json` finds a flaw in it.
[[nodiscard]] Event parse_event(std::string_view payload);

namespace detail {

using InvokeWhole = std::function<asio::awaitable<nlohmann::json>(Event, Context)>;
using InvokeStreaming = std::function<asio::awaitable<void>(Event, Context, ResponseStream&)>;

/// The function, without the types of its handler and pool.
struct Function {
  std::variant<InvokeWhole, InvokeStreaming> invoke;
  std::function<millrace::JobMetrics()> metrics;
};

/// The part of `run` that doesn't depend on the handler's type: polls, serves, stops.
///
/// **Runs on**: the thread that calls `serve`. **Lifetime**: destroy it after handler and pool.
class Loop {
 public:
  explicit Loop(const RunOptions& options);

  [[nodiscard]] asio::any_io_executor executor() { return context_.get_executor(); }

  /// Reports why the function can't start. Returns the exit status.
  int init_failed(std::exception_ptr error);

  /// Serves invocations until the Runtime API can't be used, or until the process is told to end.
  /// Returns the exit status. What doesn't let itself be stopped then is abandoned: after the time
  /// that there is, the process ends from in here.
  int serve(const Function& function);

 private:
  /// One of the requests for the next event that are under way at a time.
  struct Poller {
    asio::cancellation_signal signal;
    bool waiting = false;
  };
  using Reply = std::variant<std::string, ErrorReport>;

  void run_context();
  asio::awaitable<void> poll(Poller& poller, const Function& function);
  asio::awaitable<void> serve_one(Invocation invocation, const Function& function);
  asio::awaitable<ReplyOutcome> serve_whole(Invocation& invocation, const InvokeWhole& invoke,
                                            InvocationReport& report);
  asio::awaitable<ReplyOutcome> serve_streaming(Invocation& invocation,
                                                const InvokeStreaming& invoke,
                                                InvocationReport& report);
  asio::awaitable<ReplyOutcome> post_error(const Context& context, const ErrorReport& error,
                                           InvocationReport& report);
  void note_error(const ErrorReport& error, InvocationReport& report) const;
  std::shared_ptr<InvocationStop> start_stop(Context& context);
  void end_stop(const std::shared_ptr<InvocationStop>& stop);
  void log_report(InvocationReport report, const Function& function);

  asio::awaitable<void> prepare_graceful_stop();
  void poller_ended(std::exception_ptr error);
  void on_signal();
  void fail(std::exception_ptr error);
  void stop_polling();
  void cancel_invocations();
  void after(std::chrono::milliseconds delay, void (Loop::*what)());
  void finish();
  void leave();

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  RunOptions options_;
  asio::io_context context_{1};
  RuntimeClient client_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<Poller>> pollers_;
  std::size_t polling_ = 0;  // pollers that haven't ended
  std::set<std::shared_ptr<InvocationStop>> running_;
  std::uint64_t invocations_ = 0;
  InvocationReport::Milliseconds init_duration_{};
  millrace::JobMetrics last_metrics_;
  std::exception_ptr failure_;
  bool stopping_ = false;
  bool finishing_ = false;
};

int run_from_env(const std::function<int(const RunOptions&)>& run);

}  // namespace detail
}  // namespace lambda
