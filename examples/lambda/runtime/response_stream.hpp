#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "context.hpp"
#include "error.hpp"
#include "http/http_client.hpp"
#include "runtime_client.hpp"

namespace lambda {

/// Where a streaming handler writes its reply: the caller gets the bytes while they are written.
///
/// The reply begins with the first `write`. A handler that throws before has made an ordinary error
/// reply; one that throws later ends the reply with the error in its trailers, and the caller gets
/// a reply that is cut short.
///
/// **Runs on**: the I/O thread. **Lifetime**: the handler's coroutine. **Thread safety**: none; one
/// `write` at a time.
class ResponseStream {
 public:
  /// Made by `run`, one per invocation.
  ResponseStream(asio::any_io_executor executor, RuntimeClient& client, const Context& context);
  ~ResponseStream();
  ResponseStream(const ResponseStream&) = delete;
  ResponseStream& operator=(const ResponseStream&) = delete;

  /// The reply's content type, `application/octet-stream` by default. Before the first `write`;
  /// throws `std::logic_error` later.
  void content_type(std::string type);

  /// For functions behind a URL or an API: status, headers and cookies of the HTTP response that
  /// the caller gets. Before the first `write`; throws `std::logic_error` later, and
  /// `std::invalid_argument` for a status outside of 100 to 599.
  void prelude(int status, const HttpHeaders& headers = {},
               const std::vector<std::string>& cookies = {});

  /// Appends bytes to the reply.
  ///
  /// **Completes**: once they have been taken: into a buffer of `HttpUpload::default_capacity`
  /// bytes, so a handler that is faster than the caller waits. Throws `std::system_error` when the
  /// reply has ended, e.g. because the Runtime API has refused it. **Cancellation**: terminal; some
  /// of the bytes may have been taken.
  [[nodiscard]] asio::awaitable<void> write(std::string_view bytes);

  /// Whether the reply has begun.
  [[nodiscard]] bool started() const { return upload_ != nullptr; }

  /// Bytes written so far, the prelude included.
  [[nodiscard]] std::uint64_t bytes() const;

  // --- for `run` ---

  /// Ends the reply, with the error in its trailers if there is one, and waits for the Runtime
  /// API's answer; throws as `RuntimeClient::post_stream`.
  [[nodiscard]] asio::awaitable<ReplyOutcome> finish(const ErrorReport* error);

 private:
  struct Post;

  void start();

  asio::any_io_executor executor_;
  RuntimeClient& client_;
  const Context& context_;
  std::string content_type_ = "application/octet-stream";
  std::string prelude_;
  std::shared_ptr<HttpUpload> upload_;
  std::shared_ptr<Post> post_;
};

/// The trailers that tell of an error after the reply has begun; a long message is shortened.
[[nodiscard]] HttpHeaders error_trailers(const ErrorReport& error);

}  // namespace lambda
