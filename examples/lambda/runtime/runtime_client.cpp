#include "runtime_client.hpp"

#include <asio/error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cctype>
#include <charconv>
#include <optional>

#include "http/upload.hpp"
#include "log.hpp"

namespace lambda {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view user_agent = "millrace-lambda";

asio::awaitable<void> sleep_on_timer(milliseconds delay) {
  asio::steady_timer timer(co_await asio::this_coro::executor, delay);
  co_await timer.async_wait(asio::use_awaitable);
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~');
    if (plain) {
      result += c;
    } else {
      result += '%';
      result += digits[byte >> 4U];
      result += digits[byte & 15U];
    }
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// What a status of the Runtime API means for the reply that it answers.
ReplyOutcome judge(int status, const std::string& path, nlohmann::json fields) {
  if (status >= 200 && status < 300) return ReplyOutcome::accepted;
  if (status >= 500) {
    throw RuntimeApiError("the Runtime API answered " + std::to_string(status) + " to POST " +
                          path);
  }
  // 400: not the current invocation. 403: already replied. 410: too late. 413: too large, and the
  // API itself has told the caller so. None of them is a reason to stop serving.
  fields["status"] = status;
  log_warn("the Runtime API refused a reply", fields);
  return ReplyOutcome::refused;
}

}  // namespace

std::string runtime_api_root(std::string_view api) {
  api = trimmed(api);
  if (api.empty()) {
    throw RuntimeApiError(
        "AWS_LAMBDA_RUNTIME_API is not set: this program is started by AWS Lambda or by "
        "local-runtime-api");
  }
  std::string_view scheme = "http";
  std::string_view rest = api;
  if (const auto end = api.find("://"); end != std::string_view::npos) {
    scheme = api.substr(0, end);
    rest = api.substr(end + 3);
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const bool usable = (scheme == "http" || scheme == "https") && !rest.empty() &&
                      rest.front() != '/' && rest.find_first_of(" \t\r\n?#") == rest.npos;
  if (!usable) {
    throw RuntimeApiError("AWS_LAMBDA_RUNTIME_API is not an address: " + std::string(api));
  }
  return std::string(scheme) + "://" + std::string(rest);
}

std::string runtime_api_base(std::string_view api) {
  return runtime_api_root(api) + "/2018-06-01";
}

Context parse_context(const HttpHeaders& headers) {
  const auto text = [&](std::string_view name) {
    return std::string(headers.get("Lambda-Runtime-" + std::string(name)));
  };
  Context context;
  context.request_id = text("Aws-Request-Id");
  context.invoked_function_arn = text("Invoked-Function-Arn");
  context.trace_id = text("Trace-Id");
  context.client_context = text("Client-Context");
  context.cognito_identity = text("Cognito-Identity");
  context.tenant_id = text("Aws-Tenant-Id");
  context.invocation_id = text("Invocation-Id");

  const std::string deadline = text("Deadline-Ms");
  if (!deadline.empty()) {
    std::int64_t ms = 0;
    const auto [end, error] =
        std::from_chars(deadline.data(), deadline.data() + deadline.size(), ms);
    // A bound on top, because the clock counts nanoseconds: 2^63 of them end in the year 2262.
    constexpr std::int64_t latest = 9'000'000'000'000;
    if (error == std::errc{} && end == deadline.data() + deadline.size() && ms >= 0 &&
        ms <= latest) {
      context.deadline = Context::Clock::time_point(milliseconds(ms));
    } else {
      log_warn("ignored a Lambda-Runtime-Deadline-Ms that is not a time",
               {{"requestId", context.request_id}});
    }
  }
  return context;
}

RuntimeClient::RuntimeClient(asio::any_io_executor executor, RuntimeClientOptions options)
    : root_(runtime_api_root(options.api)),
      base_(runtime_api_base(options.api)),
      options_(std::move(options)),
      http_(std::move(executor)) {
  if (!options_.sleep) options_.sleep = &sleep_on_timer;
}

asio::awaitable<Invocation> RuntimeClient::next() {
  std::optional<Backoff> backoff;  // made at the first failure: seeding it isn't cheap
  for (;;) {
    std::string failure;
    try {
      HttpRequest request;
      request.url = base_ + "/runtime/invocation/next";
      request.headers.add("User-Agent", std::string(user_agent));
      HttpResponse response = co_await http_.send(std::move(request));
      if (response.status == 500) {
        throw RuntimeApiError("the Runtime API answered 500 to GET /next: container error");
      }
      if (response.status == 204) {
        backoff.reset();
        continue;
      }
      if (response.status == 200) {
        Invocation invocation{parse_context(response.headers), std::move(response.body)};
        if (!invocation.context.request_id.empty()) co_return invocation;
        failure = "200 without Lambda-Runtime-Aws-Request-Id";
      } else {
        failure = "status " + std::to_string(response.status);
      }
    } catch (const std::system_error& e) {
      if (e.code() == asio::error::operation_aborted) throw;
      failure = e.what();
    }
    if (!backoff) backoff.emplace(options_.backoff);
    co_await retry_later(*backoff, std::move(failure));
  }
}

asio::awaitable<void> RuntimeClient::retry_later(Backoff& backoff, std::string reason) {
  const std::optional<milliseconds> delay = backoff.failed();
  if (!delay) {
    throw RuntimeApiError("gave up GET /next after " + std::to_string(backoff.failures()) +
                          " failures in a row, the last one: " + reason);
  }
  log_warn("GET /next failed, trying again",
           {{"error", reason}, {"failures", backoff.failures()}, {"delayMs", delay->count()}});
  co_await options_.sleep(*delay);
}

asio::awaitable<ReplyOutcome> RuntimeClient::post_response(const Context& context,
                                                           std::string body) {
  return post("/runtime/invocation/" + percent_encoded(context.request_id) + "/response", {},
              std::move(body), &context);
}

asio::awaitable<ReplyOutcome> RuntimeClient::post_error(const Context& context,
                                                        const ErrorReport& report) {
  return post("/runtime/invocation/" + percent_encoded(context.request_id) + "/error",
              {{"Lambda-Runtime-Function-Error-Type", report.type}}, report.body(), &context);
}

asio::awaitable<void> RuntimeClient::post_init_error(const ErrorReport& report) {
  HttpHeaders headers{{"Lambda-Runtime-Function-Error-Type", report.type}};
  co_await post("/runtime/init/error", std::move(headers), report.body(), nullptr);
}

asio::awaitable<ReplyOutcome> RuntimeClient::post_stream(const Context& context,
                                                         const std::string& content_type,
                                                         std::shared_ptr<HttpUpload> body) {
  std::string path = "/runtime/invocation/" + percent_encoded(context.request_id) + "/response";
  HttpRequest request;
  request.method = "POST";
  request.url = base_ + path;
  request.headers = {
      {"Content-Type", content_type},
      {"User-Agent", std::string(user_agent)},
      {"Lambda-Runtime-Function-Response-Mode", "streaming"},
      {"Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"},
      {"Connection", "close"}};
  if (!context.invocation_id.empty()) {
    request.headers.add("Lambda-Runtime-Invocation-Id", context.invocation_id);
  }
  request.upload = std::move(body);
  return send_stream(std::move(request), std::move(path), context.request_id);
}

asio::awaitable<ReplyOutcome> RuntimeClient::send_stream(HttpRequest request, std::string path,
                                                         std::string request_id) {
  const nlohmann::json fields = {{"path", path}, {"requestId", std::move(request_id)}};
  for (bool again = false;; again = true) {
    try {
      HttpRequest attempt = request;
      const HttpResponse response = co_await http_.send(std::move(attempt));
      co_return judge(response.status, path, fields);
    } catch (const std::system_error& e) {
      if (e.code() == asio::error::operation_aborted) throw;
      // What has been sent is gone, so it can't be sent again.
      if (again || request.upload->begun()) {
        throw RuntimeApiError(std::string("could not reply: ") + e.what());
      }
      log_warn("reply failed, trying once more", fields);
      request.upload->reopen();
    }
  }
}

asio::awaitable<std::string> RuntimeClient::register_extension(std::string name) {
  HttpRequest request;
  request.method = "POST";
  request.url = root_ + "/2020-01-01/extension/register";
  request.headers = {{"Lambda-Extension-Name", std::move(name)},
                     {"Content-Type", "application/json"},
                     {"User-Agent", std::string(user_agent)}};
  request.body = R"({"events":[]})";
  const HttpResponse response = co_await http_.send(std::move(request));
  if (response.status != 200) {
    throw RuntimeApiError("the Extensions API answered " + std::to_string(response.status) +
                          " to POST /extension/register");
  }
  co_return std::string(response.headers.get("Lambda-Extension-Identifier"));
}

asio::awaitable<void> RuntimeClient::extension_ready(std::string identifier) {
  HttpRequest request;
  request.url = root_ + "/2020-01-01/extension/event/next";
  request.headers = {{"Lambda-Extension-Identifier", std::move(identifier)},
                     {"User-Agent", std::string(user_agent)}};
  co_await http_.send(std::move(request));
}

asio::awaitable<ReplyOutcome> RuntimeClient::post(std::string path, HttpHeaders headers,
                                                  std::string body, const Context* context) {
  HttpRequest request;
  request.method = "POST";
  request.url = base_ + path;
  request.headers = std::move(headers);
  request.headers.add("Content-Type", "application/json");
  request.headers.add("User-Agent", std::string(user_agent));
  request.borrowed_body = body;  // for both tries, as it may be large
  nlohmann::json fields = {{"path", path}};
  if (context != nullptr) {
    fields["requestId"] = context->request_id;
    if (!context->invocation_id.empty()) {
      request.headers.add("Lambda-Runtime-Invocation-Id", context->invocation_id);
    }
  }

  std::optional<HttpResponse> response;
  for (int failures = 0; !response;) {
    try {
      // The second try may tell a server that got the first one the same thing twice; it answers
      // 403 then, which is no harm.
      HttpRequest attempt = request;
      response = co_await http_.send(std::move(attempt));
    } catch (const std::system_error& e) {
      if (e.code() == asio::error::operation_aborted) throw;
      if (++failures == 2) throw RuntimeApiError(std::string("could not reply: ") + e.what());
      fields["error"] = e.what();
      log_warn("reply failed, trying once more", fields);
      fields.erase("error");
    }
  }

  co_return judge(response->status, path, fields);
}

}  // namespace lambda
