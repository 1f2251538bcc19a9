#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>

namespace lambda {

struct BackoffConfig {
  std::chrono::milliseconds base{50};
  std::chrono::milliseconds cap{2'000};
  int max_failures = 10;  ///< In a row; the last one isn't followed by another try.
};

/// Delays between tries: capped exponential growth with full jitter.
///
/// After the n-th failure in a row the delay is uniform in [0, min(cap, base * 2^(n-1))]. Full
/// jitter, because it does the least work in total when many clients fail together
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
///
/// **Thread safety**: none.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  explicit Backoff(BackoffConfig config, unsigned seed = std::random_device{}())
      : config_(config), random_(seed), bound_(std::min(config.base, config.cap)) {}

  /// Counts a failure. The delay before the next try, or `nullopt` when it is time to give up.
  [[nodiscard]] std::optional<Milliseconds> failed() {
    if (++failures_ >= config_.max_failures) return std::nullopt;
    const Milliseconds bound = bound_;
    bound_ = std::min(config_.cap, bound_ * 2);
    return Milliseconds(
        std::uniform_int_distribution<Milliseconds::rep>(0, bound.count())(random_));
  }

  /// A try went well: the next failure is the first in a row.
  void succeeded() {
    failures_ = 0;
    bound_ = std::min(config_.base, config_.cap);
  }

  [[nodiscard]] int failures() const { return failures_; }

 private:
  BackoffConfig config_;
  std::mt19937 random_;
  Milliseconds bound_;
  int failures_ = 0;
};

}  // namespace lambda
