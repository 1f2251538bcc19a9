#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>
#include <type_traits>
#include <utility>

namespace millrace::detail {

// How long jobs of coroutines have kept this thread's loop from going round, and how late it is.
//
// A coroutine that never waits would keep its loop from timers and sockets, so when a round's share
// is spent each one stands in line after its job. The first of those that comes back on this thread
// shows that the loop has gone round: a new round begins, and the time that it stood in line is the
// time that a timer would have been late.
//
// Many that stand in line would each run one more job before the loop comes to its timers. So they
// have a bound together, beyond which their jobs go to the pool.
template <class Clock>
class loop_round {
 public:
  using time_point = typename Clock::time_point;

  static constexpr std::chrono::nanoseconds share = std::chrono::microseconds(10);
  static constexpr std::chrono::nanoseconds most = 2 * share;
  static constexpr std::chrono::nanoseconds doubtful = std::chrono::microseconds(20);
  static constexpr std::chrono::nanoseconds late_if = std::chrono::microseconds(500);
  // Then jobs keep off it for twice as long as it was late: a round to see whether it still is
  // costs no more than a round's share.
  static constexpr std::chrono::nanoseconds late_at_most = std::chrono::milliseconds(10);

  // A job is about to run at `now`. True: the one before it on this thread, which perhaps nobody
  // has measured, was long, or is long past.
  [[nodiscard]] bool in_doubt(time_point now) noexcept {
    return now - std::exchange(last_seen_, now) > doubtful;
  }
  void seen(time_point now) noexcept { last_seen_ = now; }

  // Whether this thread had a core for most of a time that has just passed. If not it says nothing
  // of the job that ran meanwhile. Exact to some rounds; costs a system call.
  [[nodiscard]] bool had_its_core_for(std::chrono::nanoseconds passed) const noexcept {
    return 2 * (core_time() - core_time_before_) >= passed;
  }

  // What a coroutine that stands in line keeps. The round's first has read the clock, and as a rule
  // is also the first to come back.
  struct place_in_line {
    const loop_round* thread;
    std::uint64_t round;
    std::optional<time_point> since;
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

  // Whether a job that is expected to take so long may run before the loop has gone round.
  [[nodiscard]] bool has_room_for(std::chrono::nanoseconds expected) const noexcept {
    return !has_line_ || spent_ + expected <= most;
  }

  // A job has run. True: who awaited it has to stand in line.
  [[nodiscard]] bool spend(std::chrono::nanoseconds ran) noexcept {
    spent_ += ran;
    return spent_ >= share;
  }

  [[nodiscard]] place_in_line stand_in_line() noexcept {
    place_in_line place{this, number_, {}};
    if (!std::exchange(has_line_, true)) place.since = Clock::now();
    return place;
  }

  // On the thread that the coroutine has come back on, perhaps another one.
  void came_back(const place_in_line& from) noexcept {
    if (from.thread != this || from.round != number_) return;
    ++number_;
    spent_ = {};
    has_line_ = false;
    if (from.since) look_whether_late(*from.since);
    constexpr int seldom = 8;  // the system call takes as long as a short job
    if (number_ % seldom == 0) core_time_before_ = core_time();
  }

 private:
  void look_whether_late(time_point in_line_since) noexcept {
    const auto now = Clock::now();
    const auto waited = std::chrono::duration_cast<std::chrono::nanoseconds>(now - in_line_since);
    // A loop that didn't get a core isn't made any faster by sending its jobs to others.
    if (waited > late_if && had_its_core_for(waited)) {
      late_ = true;
      late_until_ = now + std::min(2 * waited, late_at_most);
    }
  }

  // Of this thread, without the time in which others had its core. Other clocks don't know.
  [[nodiscard]] static std::chrono::nanoseconds core_time() noexcept {
    if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>) {
      std::timespec time{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
      return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    } else {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch());
    }
  }

  std::chrono::nanoseconds spent_{};
  std::chrono::nanoseconds core_time_before_{};
  std::uint64_t number_ = 0;
  bool has_line_ = false;
  time_point last_seen_{};
  bool late_ = false;
  time_point late_until_{};
};

}  // namespace millrace::detail
