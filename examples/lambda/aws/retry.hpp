/// When and how long to wait between two tries of a request.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "aws/dates.hpp"
#include "http/backoff.hpp"

namespace lambda::aws {

struct RetryOptions {
  using Milliseconds = std::chrono::milliseconds;

  BackoffConfig backoff{.base = Milliseconds{50}, .cap = Milliseconds{5'000}, .max_failures = 8};
  /// A server that asks for a longer wait by `Retry-After` gets this one.
  Milliseconds longest_wait{20'000};
  /// No further try of a request is begun this long after its first.
  Milliseconds total{120'000};
  /// How to wait between two tries; empty means a timer.
  std::function<asio::awaitable<void>(Milliseconds)> sleep;
  /// The time, for signatures, expirations and `total`; empty means the system's.
  std::function<TimePoint()> now;
};

/// With the empty ones filled in.
[[nodiscard]] RetryOptions with_defaults(RetryOptions options);

/// What a `Retry-After` header asks for, in seconds or by a date; nothing if it is neither.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(std::string_view header,
                                                                   TimePoint now);

/// The tries of one request.
///
/// **Thread safety**: none.
class Retry {
 public:
  explicit Retry(const RetryOptions& options)
      : options_(options), backoff_(options.backoff), begin_(options.now()) {}

  /// Counts a failed try. The wait before the next one: capped exponential growth with full jitter,
  /// or longer if the server asked for it. Nothing when it is time to give up.
  [[nodiscard]] std::optional<std::chrono::milliseconds> failed(
      std::string_view retry_after_header);

  /// Some of the work got done: the next failure is the first.
  void progress() {
    backoff_.succeeded();
    begin_ = options_.now();
  }

  [[nodiscard]] int failures() const { return backoff_.failures(); }

 private:
  const RetryOptions& options_;
  Backoff backoff_;
  TimePoint begin_;
};

}  // namespace lambda::aws
