#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "http/http_client.hpp"

namespace lambda {

/// The body of a request that is written while it is sent: chunked, with trailers at its end.
///
/// Whoever has the bytes calls `write` and at last `finish`; the request takes them. Between the
/// two lies a buffer of fixed size, so a writer that is faster than the connection waits.
///
/// **Runs on**: the executor of the client that sends it. **Lifetime**: a `shared_ptr`, held by
/// writer and request. **Thread safety**: none; one `write` at a time.
class HttpUpload {
 public:
  static constexpr std::size_t default_capacity = 64 * 1024;

  explicit HttpUpload(const asio::any_io_executor& executor,
                      std::size_t capacity = default_capacity);

  /// Appends bytes to the body.
  ///
  /// **Completes**: once all of them are in the buffer, at once if they fit. Throws what ended the
  /// request, also one that the server has answered before the body's end.
  /// **Cancellation**: as a timer's; some of the bytes may have been taken then.
  [[nodiscard]] asio::awaitable<void> write(std::string_view bytes);

  /// The body is whole. Names of trailers should be announced in the request's `Trailer` field.
  void finish(HttpHeaders trailers = {});

  /// Bytes that `write` was given and that are in the buffer or beyond.
  [[nodiscard]] std::uint64_t size() const { return size_; }

  // --- the request's side ---

  /// Moves up to `most` bytes to `to`: 0 at the body's end, `nullopt` when there are none for now.
  [[nodiscard]] std::optional<std::size_t> take(char* to, std::size_t most);

  /// Whether any byte has been taken: then the request can't be sent a second time.
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] const HttpHeaders& trailers() const { return trailers_; }

  /// `ready` is called when there is something to take after `take` had nothing.
  void attach(std::function<void()> ready) { ready_ = std::move(ready); }
  void detach() { ready_ = nullptr; }

  /// The request has ended and takes nothing more; further writes throw `why`.
  void close(std::exception_ptr why);

  /// Undoes `close` for a second try, which is possible while nothing has begun.
  void reopen() { closed_ = nullptr; }

 private:
  void wake_request();

  std::size_t capacity_;
  asio::steady_timer room_;  // never expires; cancelled when there is room, or nobody to take
  std::function<void()> ready_;
  std::string buffer_;
  std::size_t taken_ = 0;  // of buffer_
  std::uint64_t size_ = 0;
  HttpHeaders trailers_;
  std::exception_ptr closed_;
  bool finished_ = false;
  bool starved_ = false;
  bool begun_ = false;
};

}  // namespace lambda
