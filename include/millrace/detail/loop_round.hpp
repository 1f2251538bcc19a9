#pragma once

#include <chrono>
#include <cstdint>

namespace millrace::detail {

// How long jobs of coroutines have kept this thread's loop from going round, and how late it is.
//
// A coroutine that never waits would keep its loop from timers and sockets, so when a round's share
// is spent each one stands in line after its job. The first of those that comes back on this thread
// shows that the loop has gone round: a new round begins, and the time that it stood in line is the
// time that a timer would have been late.
template <class Clock>
class loop_round {
 public:
  using time_point = typename Clock::time_point;

  static constexpr std::chrono::nanoseconds share = std::chrono::microseconds(20);
  static constexpr std::chrono::nanoseconds late_if = std::chrono::microseconds(500);
  static constexpr std::chrono::nanoseconds late_for = std::chrono::milliseconds(50);

  // What a coroutine that stands in line keeps.
  struct place_in_line {
    const loop_round* thread;
    std::uint64_t round;
    time_point since;
  };

  // Never inlined: a coroutine may be on another thread after it waited, where compilers keep the
  // address of the old thread's.
  [[gnu::noinline]] static loop_round& of_this_thread() noexcept {
    thread_local loop_round own;
    return own;
  }

  // Reads the clock only while the loop is late.
  [[nodiscard]] bool late() noexcept {
    if (late_ && Clock::now() >= late_until_) late_ = false;
    return late_;
  }

  // A job has run. True: who awaited it has to stand in line.
  [[nodiscard]] bool spend(std::chrono::nanoseconds ran) noexcept {
    spent_ += ran;
    return spent_ >= share;
  }

  [[nodiscard]] place_in_line stand_in_line() const noexcept {
    return {this, number_, Clock::now()};
  }

  // On the thread that the coroutine has come back on, perhaps another one.
  void came_back(const place_in_line& from) noexcept {
    if (from.thread != this || from.round != number_) return;
    ++number_;
    spent_ = {};
    const auto now = Clock::now();
    if (now - from.since > late_if) {
      late_ = true;
      late_until_ = now + late_for;
    }
  }

 private:
  std::chrono::nanoseconds spent_{};
  std::uint64_t number_ = 0;
  bool late_ = false;
  time_point late_until_{};
};

}  // namespace millrace::detail
