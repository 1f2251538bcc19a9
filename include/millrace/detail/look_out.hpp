#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace millrace::detail {

// Whether it pays to look out for more before going to sleep, and for how long, as learned from how
// it went before.
//
// Looking out saves whoever comes next the waking of a thread, tens of microseconds, but where jobs
// come one by one it is in vain each time, and costs as much as all the rest of the job. After each
// time in vain more of the next chances pass unused: 1, 3, 7, then always 15; after a success none.
//
// Where a loop and a worker send each other one job to and fro, a brief look-out is enough until
// one of them is held up. Then both go to sleep, and each is woken too late for the other's
// look-out, again and again. So who has found something often in a row is patient, longer than it
// takes to wake a thread; and so is, once in a while, who has looked in vain many times. What is
// found late by patience doesn't count as often, or patience would be its own reason.
//
// Shared by threads that may overwrite each other: it is but a habit.
class look_out_habit {
 public:
  enum class how { not_at_all, briefly, patiently };
  enum class when { soon, late };  // late: a brief look-out would have been in vain

  // How long that is, where a brief one is so long.
  [[nodiscard]] static constexpr std::chrono::nanoseconds time_of(
      how way, std::chrono::nanoseconds brief) noexcept {
    return way == how::patiently && brief < patience ? patience : brief;
  }

  // At each chance.
  [[nodiscard]] how now() noexcept {
    const std::uint32_t left = to_pass_.load(std::memory_order_relaxed);
    if (left != 0) {
      to_pass_.store(left - 1, std::memory_order_relaxed);
      return how::not_at_all;
    }
    const bool patient = in_vain_.load(std::memory_order_relaxed) >= many ||
                         in_a_row_.load(std::memory_order_relaxed) >= often;
    return patient ? how::patiently : how::briefly;
  }
  void in_vain() noexcept {
    std::uint32_t pass = passed_last_.load(std::memory_order_relaxed);
    if (pass < most) pass = 2 * pass + 1;
    passed_last_.store(pass, std::memory_order_relaxed);
    to_pass_.store(pass, std::memory_order_relaxed);
    const std::uint32_t times = in_vain_.load(std::memory_order_relaxed);
    in_vain_.store(times < many ? times + 1 : 0, std::memory_order_relaxed);
    in_a_row_.store(0, std::memory_order_relaxed);
  }
  void succeeded(when it_came) noexcept {
    const std::uint32_t times = in_vain_.load(std::memory_order_relaxed);
    const std::uint32_t row = in_a_row_.load(std::memory_order_relaxed);
    const bool late = it_came == when::late;
    // Who was found by patience has to be woken once more, and is worth as much the next times.
    change(in_vain_, times, late && times >= many && times < many + more_of_it ? times + 1 : 0);
    change(in_a_row_, row, late ? row / 2 : row < row_counts_to ? row + 1 : row);
    change(passed_last_, passed_last_.load(std::memory_order_relaxed), 0);
    change(to_pass_, to_pass_.load(std::memory_order_relaxed), 0);
  }

 private:
  static constexpr std::chrono::nanoseconds patience = std::chrono::microseconds(100);
  static constexpr std::uint32_t most = 15;
  static constexpr std::uint32_t many = 16;
  static constexpr std::uint32_t more_of_it = 2;
  static constexpr std::uint32_t often = 16;
  static constexpr std::uint32_t row_counts_to = 64;

  // Threads that look out read these all the time.
  static void change(std::atomic<std::uint32_t>& value, std::uint32_t from,
                     std::uint32_t to) noexcept {
    if (from != to) value.store(to, std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> to_pass_{0};
  std::atomic<std::uint32_t> passed_last_{0};
  std::atomic<std::uint32_t> in_vain_{0};   // in a row, since the last patient one
  std::atomic<std::uint32_t> in_a_row_{0};  // successes that came soon
};

}  // namespace millrace::detail
