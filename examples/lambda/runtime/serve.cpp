// One invocation, from the event to its report.

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "log.hpp"
#include "loop.hpp"
#include "text/json.hpp"

namespace lambda {
namespace {

// Lambda sends 6 MiB at most, somebody else's Runtime API perhaps more.
constexpr text::JsonLimits event_limits{.max_bytes = std::size_t{16} << 20, .max_depth = 1000};

/// For X-Ray's tools, which look there. Only right while one invocation is under way at a time,
/// and safe because no job of the pool is running between two invocations.
void publish_trace_id(const std::string& trace_id) {
  if (trace_id.empty()) {
    ::unsetenv("_X_AMZN_TRACE_ID");  // NOLINT(concurrency-mt-unsafe)
  } else {
    ::setenv("_X_AMZN_TRACE_ID", trace_id.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
}

/// The handler's coroutine, with what its cancellation slot lies in.
template <class T>
asio::awaitable<T> keeping(std::shared_ptr<detail::InvocationStop>, asio::awaitable<T> work) {
  co_return co_await std::move(work);
}

ErrorReport unmarshal_error(const std::invalid_argument& error) {
  return {"Runtime.UnmarshalError", error.what()};
}

}  // namespace

Event parse_event(std::string_view payload) {
  auto [event, flaw] = text::read_json(payload, event_limits);
  if (!flaw.empty()) throw std::invalid_argument("the event " + flaw);
  return std::move(event);
}

namespace detail {

asio::awaitable<void> Loop::serve_one(Invocation invocation, const Function& function) {
  const auto start = std::chrono::steady_clock::now();
  if (options_.max_concurrency == 1) publish_trace_id(invocation.context.trace_id);
  InvocationReport report;
  report.request_id = invocation.context.request_id;
  report.invocation = ++invocations_;
  report.bytes_in = invocation.payload.size();
  report.status = "success";
  invocation.context.report_fields = std::make_shared<nlohmann::json>(nlohmann::json::object());

  ReplyOutcome outcome{};
  if (const auto* whole = std::get_if<InvokeWhole>(&function.invoke)) {
    outcome = co_await serve_whole(invocation, *whole, report);
  } else {
    outcome =
        co_await serve_streaming(invocation, std::get<InvokeStreaming>(function.invoke), report);
  }
  if (outcome == ReplyOutcome::refused) report.status = "refused";
  report.duration = std::chrono::steady_clock::now() - start;
  report.handler = std::move(*invocation.context.report_fields);
  log_report(std::move(report), function);
}

asio::awaitable<ReplyOutcome> Loop::serve_whole(Invocation& invocation, const InvokeWhole& invoke,
                                                InvocationReport& report) {
  std::optional<ErrorReport> error;
  std::string reply;
  const auto stop = start_stop(invocation.context);
  try {
    Event event = parse_event(std::exchange(invocation.payload, {}));
    nlohmann::json result;
    try {
      auto work = keeping(stop, invoke(std::move(event), invocation.context));
      auto token = asio::bind_cancellation_slot(stop->slot(), asio::use_awaitable);
      result = co_await asio::co_spawn(context_, std::move(work), std::move(token));
    } catch (...) {
      error = stop->describe(std::current_exception());
    }
    if (!error) reply = result.dump();
  } catch (const std::invalid_argument& e) {
    error = unmarshal_error(e);
  } catch (const nlohmann::json::exception& e) {
    error = {"Runtime.MarshalError",
             std::string("the handler's result can't be sent as JSON: ") + e.what()};
  }
  end_stop(stop);
  if (error) co_return co_await post_error(invocation.context, *error, report);
  report.bytes_out = reply.size();
  co_return co_await client_.post_response(invocation.context, std::move(reply));
}

asio::awaitable<ReplyOutcome> Loop::serve_streaming(Invocation& invocation,
                                                    const InvokeStreaming& invoke,
                                                    InvocationReport& report) {
  std::optional<ErrorReport> error;
  ResponseStream out(context_.get_executor(), client_, invocation.context);
  const auto stop = start_stop(invocation.context);
  try {
    Event event = parse_event(std::exchange(invocation.payload, {}));
    try {
      auto work = keeping(stop, invoke(std::move(event), invocation.context, out));
      auto token = asio::bind_cancellation_slot(stop->slot(), asio::use_awaitable);
      co_await asio::co_spawn(context_, std::move(work), std::move(token));
    } catch (...) {
      error = stop->describe(std::current_exception());
    }
  } catch (const std::invalid_argument& e) {
    error = unmarshal_error(e);
  }
  end_stop(stop);
  if (error && !out.started()) co_return co_await post_error(invocation.context, *error, report);
  if (error) note_error(*error, report);
  const ReplyOutcome outcome = co_await out.finish(error ? &*error : nullptr);
  report.bytes_out = out.bytes();
  co_return outcome;
}

asio::awaitable<ReplyOutcome> Loop::post_error(const Context& context, const ErrorReport& error,
                                               InvocationReport& report) {
  note_error(error, report);
  report.bytes_out = error.body().size();
  return client_.post_error(context, error);
}

void Loop::note_error(const ErrorReport& error, InvocationReport& report) const {
  report.status = "error";
  report.error_type = error.type;
  // The message of a parse error always quotes the event.
  if (options_.log_error_messages && error.type.starts_with("Function.")) {
    report.error_message = error.message;
  }
}

std::shared_ptr<InvocationStop> Loop::start_stop(Context& context) {
  auto stop = std::make_shared<InvocationStop>(context_.get_executor());
  stop->watch(context.deadline, options_.deadline_margin);
  context.stop_token = stop->token();
  running_.insert(stop);
  if (stopping_) stop->announce();
  return stop;
}

void Loop::end_stop(const std::shared_ptr<InvocationStop>& stop) {
  stop->handler_ended();
  running_.erase(stop);
}

void Loop::log_report(InvocationReport report, const Function& function) {
  if (!log_enabled(LogLevel::info)) return;
  if (report.invocation == 1) report.init_duration = init_duration_;
  const millrace::JobMetrics now = function.metrics();
  log_info("invocation", report_fields(report, std::exchange(last_metrics_, now), now));
}

}  // namespace detail
}  // namespace lambda
