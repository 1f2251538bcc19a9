#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace lambda {

/// Header fields in the order in which they were given; names compare without regard to case.
class HttpHeaders {
 public:
  using Field = std::pair<std::string, std::string>;

  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }

  /// The last value of a field; `nullopt` if it is missing, empty text if it is empty.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

  /// As `find`, with missing and empty the same.
  [[nodiscard]] std::string_view get(std::string_view name) const {
    return find(name).value_or(std::string_view{});
  }

  void clear() { fields_.clear(); }
  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

class HttpUpload;

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;     ///< Of the final response, not of an interim `100 Continue`.
  std::string body;        ///< Empty if the body went into place.
  std::size_t placed = 0;  ///< How many bytes went into the place that `HttpRequest::into` gave.
};

struct HttpRequest {
  /// Where the body goes, given the response's status and headers; nothing for
  /// `HttpResponse::body`. What it throws ends the request.
  using Into = std::function<std::optional<std::span<char>>(const HttpResponse&)>;

  std::string method = "GET";
  std::string url;  ///< `http://` or `https://`, already percent-encoded.
  HttpHeaders headers;
  std::string body;
  /// In place of `body`: bytes that stay where they are until the request has ended.
  std::string_view borrowed_body;
  /// In place of `body`: one that is written while it is sent; see upload.hpp.
  std::shared_ptr<HttpUpload> upload;
  /// For the whole request. None means none: a Lambda process may be frozen for hours while its
  /// poll for the next event is open.
  std::optional<std::chrono::milliseconds> timeout;
  /// Asked once, before the first byte of the final response's body; never if it is empty. A body
  /// that doesn't fit is an error (`std::errc::message_size`), a shorter one is not. The place must
  /// be there until `send` completes or its coroutine is destroyed.
  Into into;
};

struct HttpClientConfig {
  /// For name, connection and TLS handshake together; TLS is 1.2 or later.
  std::chrono::milliseconds connect_timeout{10'000};
  /// A transfer that stays below `low_speed` bytes per second for `low_speed_time` ends with
  /// `std::errc::timed_out`; the wait for the response counts. Zero for never, as the Runtime API's
  /// poll needs it.
  std::chrono::seconds low_speed_time{0};
  long low_speed = 1024;
  /// Requests beyond it wait until a connection is free. Zero for no limit.
  long max_connections_per_host = 0;
  /// A PEM file of the authorities that a server's certificate is verified with, always, its name
  /// included. Empty for the file that libcurl was built with; see `ca_bundle` in
  /// http/ca_bundle.hpp.
  std::string ca_bundle;
  /// Whether `http_proxy`, `https_proxy` and `no_proxy` count. Never for the Runtime API, which is
  /// on this machine.
  bool proxy_from_environment = false;
};

/// The category of transport errors; the value is a `CURLcode`. Compares with `std::errc`:
/// `timed_out`, `connection_refused` (could not connect), `host_unreachable` (could not resolve),
/// `connection_reset` (dropped or cut short), `protocol_error` (not HTTP), `permission_denied` (the
/// server's certificate or name could not be verified).
[[nodiscard]] const std::error_category& http_category() noexcept;

/// HTTP requests as Asio coroutines, over libcurl's multi interface.
///
/// Any number of requests may be under way at once; connections are kept and used again. Redirects
/// are not followed: they are responses like any other.
///
/// **Runs on**: `executor`, which must not run two handlers at a time (a single-threaded
/// `io_context` or a strand); `send` must be awaited there.
/// **Lifetime**: destroy it before its execution context. Requests that are under way then
/// complete with `asio::error::operation_aborted`.
/// **Thread safety**: none beyond the executor's.
class HttpClient {
 public:
  explicit HttpClient(asio::any_io_executor executor, HttpClientConfig config = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends one request and reads the whole response, whatever its status.
  ///
  /// **Completes**: with the response; throws `std::system_error` with a code of `http_category()`
  /// and what was tried in its text, or `std::invalid_argument` for a header with a line break;
  /// `std::errc::message_size` as said at `HttpRequest::into`.
  /// **Cancellation**: terminal, partial and total; ends the transfer at once and completes with
  /// `asio::error::operation_aborted`. A response that was already complete wins.
  /// **Lifetime**: destroying the suspended coroutine ends the transfer.
  [[nodiscard]] asio::awaitable<HttpResponse> send(HttpRequest request);

 private:
  class Multi;
  class Transfer;
  std::shared_ptr<Multi> multi_;
};

}  // namespace lambda
