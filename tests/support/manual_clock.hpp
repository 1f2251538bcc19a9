#pragma once

#include <atomic>
#include <chrono>

namespace test {

// A clock that stands still until it is told to go on.
struct ManualClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ManualClock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept { return time_point(duration(passed_.load())); }
  static void advance(duration by) noexcept { passed_ += by.count(); }

 private:
  static inline std::atomic<rep> passed_{0};
};

}  // namespace test
