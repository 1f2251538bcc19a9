#include "runtime.hpp"

#include <asio/co_spawn.hpp>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <variant>

#include "log.hpp"

namespace lambda {
namespace {

constexpr int most_workers = 6;
constexpr std::size_t most_nesting = 1000;

std::string env(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): at start
  return value == nullptr ? "" : value;
}

/// For X-Ray's tools, which look there. Only right while one invocation is under way at a time,
/// and safe because no job of the pool is running between two invocations.
void publish_trace_id(const std::string& trace_id) {
  if (trace_id.empty()) {
    ::unsetenv("_X_AMZN_TRACE_ID");  // NOLINT(concurrency-mt-unsafe)
  } else {
    ::setenv("_X_AMZN_TRACE_ID", trace_id.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
}

/// Whether brackets outside of strings nest deeper than `limit`; right for any text that is JSON.
bool nests_deeper(std::string_view json, std::size_t limit) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

using Reply = std::variant<std::string, ErrorReport>;

/// From the payload to what is sent back; throws nothing but what can't be helped.
asio::awaitable<Reply> answer(Invocation& invocation, const detail::Invoke& invoke) {
  Event event;
  try {
    event = parse_event(std::exchange(invocation.payload, {}));
  } catch (const std::invalid_argument& e) {
    co_return ErrorReport{"Runtime.UnmarshalError", e.what()};
  }
  nlohmann::json result;
  try {
    result = co_await invoke(std::move(event), invocation.context);
  } catch (...) {
    co_return describe(std::current_exception());
  }
  try {
    co_return result.dump();
  } catch (const nlohmann::json::exception& e) {
    co_return ErrorReport{"Runtime.MarshalError",
                          std::string("the handler's result can't be sent as JSON: ") + e.what()};
  }
}

asio::awaitable<void> serve_for_ever(RuntimeClient& client, const detail::Invoke& invoke) {
  for (;;) {
    Invocation invocation = co_await client.next();
    publish_trace_id(invocation.context.trace_id);
    const auto start = std::chrono::steady_clock::now();
    Reply reply = co_await answer(invocation, invoke);
    const std::chrono::duration<double, std::milli> duration =
        std::chrono::steady_clock::now() - start;

    nlohmann::json fields = {{"requestId", invocation.context.request_id},
                             {"durationMs", duration.count()}};
    ReplyOutcome outcome{};
    if (const auto* report = std::get_if<ErrorReport>(&reply)) {
      fields["status"] = "error";
      fields["errorType"] = report->type;
      // The message of a parse error quotes the event, which doesn't belong into the log.
      if (report->type.starts_with("Function.")) fields["errorMessage"] = report->message;
      outcome = co_await client.post_error(invocation.context, *report);
    } else {
      fields["status"] = "success";
      outcome = co_await client.post_response(invocation.context,
                                              std::move(std::get<std::string>(reply)));
    }
    if (outcome == ReplyOutcome::refused) fields["status"] = "refused";
    log_info("invocation", fields);
  }
}

}  // namespace

RunOptions RunOptions::from_env() {
  RunOptions options;
  options.client.api = env("AWS_LAMBDA_RUNTIME_API");
  options.worker_count = env("WORKER_COUNT");
  return options;
}

std::optional<int> parse_worker_count(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int workers = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), workers);
  if (error != std::errc{} || end != text.data() + text.size() || workers < 1 ||
      workers > most_workers) {
    throw HandlerError("InvalidConfiguration", "WORKER_COUNT must be a whole number from 1 to " +
                                                   std::to_string(most_workers) + ", not \"" +
                                                   std::string(text) + "\"");
  }
  return workers;
}

Event parse_event(std::string_view payload) {
  if (nests_deeper(payload, most_nesting)) {
    throw std::invalid_argument("the event nests deeper than " + std::to_string(most_nesting) +
                                " levels");
  }
  try {
    return Event::parse(payload);
  } catch (const nlohmann::json::exception& e) {
    throw std::invalid_argument(std::string("the event is not JSON: ") + e.what());
  }
}

namespace detail {

Loop::Loop(const RunOptions& options) : client_(context_.get_executor(), options.client) {}

int Loop::init_failed(std::exception_ptr error) {
  ErrorReport report = describe(std::move(error));
  log_error("init failed", {{"errorType", report.type}, {"errorMessage", report.message}});
  run(client_.post_init_error(report));
  return EXIT_FAILURE;
}

int Loop::serve(const Invoke& invoke) {
  return run(serve_for_ever(client_, invoke));
}

int Loop::run(asio::awaitable<void> work) {
  std::exception_ptr failure;
  asio::co_spawn(context_, std::move(work),
                 [&](std::exception_ptr error) { failure = std::move(error); });
  context_.restart();
  while (!context_.stopped()) {
    try {
      context_.run();
    } catch (const std::exception& e) {
      // From a handler that the function has started on the side; the invocation goes on.
      log_error("exception outside of any invocation", {{"error", e.what()}});
    }
  }
  if (failure == nullptr) return EXIT_SUCCESS;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& e) {
    log_error("stopped serving", {{"error", e.what()}});
  }
  return EXIT_FAILURE;
}

int run_from_env(const std::function<int(const RunOptions&)>& run) {
  try {
    return run(RunOptions::from_env());
  } catch (const std::exception& e) {
    // Nobody to report it to: without an address there is no init error.
    log_error(e.what());
    return EXIT_FAILURE;
  }
}

}  // namespace detail
}  // namespace lambda
