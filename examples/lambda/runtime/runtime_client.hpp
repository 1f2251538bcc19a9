#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "context.hpp"
#include "error.hpp"
#include "http/backoff.hpp"
#include "http/http_client.hpp"

namespace lambda {

/// One event as the Runtime API delivered it. The payload is not parsed yet: if it isn't JSON, that
/// is for the function's caller to know, and only the one who has the request id can tell.
struct Invocation {
  Context context;
  std::string payload;
};

/// The Runtime API can't be used any more; the text says why. The process should end.
class RuntimeApiError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What the Runtime API made of a reply.
enum class ReplyOutcome {
  accepted,
  refused,  ///< 400, 403, 410, 413 or another 4xx: logged; the next event can be asked for.
};

struct RuntimeClientOptions {
  /// As in `AWS_LAMBDA_RUNTIME_API`: `host:port`, optionally with a scheme and a path prefix.
  std::string api;
  BackoffConfig backoff;
  /// How to wait between two tries; empty means a timer.
  std::function<asio::awaitable<void>(std::chrono::milliseconds)> sleep;
};

/// Client of the Lambda Runtime API (version 2018-06-01).
///
/// Any number of calls may be under way at once; connections are kept and used again.
///
/// **Runs on**: the executor, as `HttpClient`. **Lifetime**: destroy it before its execution
/// context. **Thread safety**: none beyond the executor's.
class RuntimeClient {
 public:
  /// Throws `RuntimeApiError` when `options.api` is empty or no address.
  RuntimeClient(asio::any_io_executor executor, RuntimeClientOptions options);

  /// Waits, without limit, for the next event.
  ///
  /// **Completes**: with the invocation. 204 polls again. Transport failures, unexpected statuses
  /// and answers without a request id are logged and tried again after a back-off; after
  /// `backoff.max_failures` in a row, and at once on a 500, it throws `RuntimeApiError`.
  /// **Cancellation**: as `HttpClient::send`.
  [[nodiscard]] asio::awaitable<Invocation> next();

  /// Sends the handler's result. A transport failure is tried once more; `RuntimeApiError` after
  /// the second, and on a 5xx.
  [[nodiscard]] asio::awaitable<ReplyOutcome> post_response(const Context& context,
                                                            std::string body);

  /// Sends a failure of this invocation; as `post_response`.
  [[nodiscard]] asio::awaitable<ReplyOutcome> post_error(const Context& context,
                                                         const ErrorReport& report);

  /// Sends the handler's result while it is written. A transport failure before any of it has been
  /// sent is tried once more; otherwise as `post_response`. The connection is not used again.
  ///
  /// **Lifetime**: `context` is needed during the call only.
  [[nodiscard]] asio::awaitable<ReplyOutcome> post_stream(const Context& context,
                                                          const std::string& content_type,
                                                          std::shared_ptr<HttpUpload> body);

  /// Registers an internal extension that asks for no events, which makes Lambda send SIGTERM
  /// before it ends the process. Returns its identifier. Throws `RuntimeApiError` on a refusal, or
  /// as `HttpClient::send`.
  [[nodiscard]] asio::awaitable<std::string> register_extension(std::string name);

  /// Says that the extension is ready, without which Lambda would not end the init phase. Completes
  /// when Lambda has something to tell, which to an extension without events is never.
  [[nodiscard]] asio::awaitable<void> extension_ready(std::string identifier);

  /// Says that the function could not start; the process must then end with a status other than 0.
  [[nodiscard]] asio::awaitable<void> post_init_error(const ErrorReport& report);

 private:
  [[nodiscard]] asio::awaitable<ReplyOutcome> post(std::string path, HttpHeaders headers,
                                                   std::string body, const Context* context);
  [[nodiscard]] asio::awaitable<ReplyOutcome> send_stream(HttpRequest request, std::string path,
                                                          std::string request_id);
  [[nodiscard]] asio::awaitable<void> retry_later(Backoff& backoff, std::string reason);

  std::string root_;
  std::string base_;
  RuntimeClientOptions options_;
  HttpClient http_;
};

/// `http://host:port/prefix` from what `AWS_LAMBDA_RUNTIME_API` holds. Throws `RuntimeApiError`.
[[nodiscard]] std::string runtime_api_root(std::string_view api);

/// The same with the version of the API behind it: `http://host:port/prefix/2018-06-01`.
[[nodiscard]] std::string runtime_api_base(std::string_view api);

/// The context from the headers of a `/next` response; `request_id` stays empty if it is missing.
[[nodiscard]] Context parse_context(const HttpHeaders& headers);

}  // namespace lambda
