/// How long each phase of a handler took, for its reply.
#pragma once

#include <chrono>
#include <cmath>

namespace lambda::compute {

class Stopwatch {
 public:
  /// Milliseconds since construction or the last call, to whole microseconds: more digits are
  /// noise.
  double lap_ms() {
    const auto now = Clock::now();
    const std::chrono::duration<double, std::milli> elapsed = now - start_;
    start_ = now;
    return std::round(elapsed.count() * 1000) / 1000;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace lambda::compute
