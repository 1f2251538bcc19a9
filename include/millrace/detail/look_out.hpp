#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::detail {

// Whether it pays to look out for more before going to sleep, as learned from how it went before.
//
// Looking out saves whoever comes next the waking of a thread, tens of microseconds, but where jobs
// come one by one it is in vain each time, and costs as much as all the rest of the job. After each
// time in vain more of the next chances pass unused: 1, 3, 7, then always 15; after a success none.
//
// Where a loop and a worker send each other one job to and fro, and both have once gone to sleep,
// each is woken too late for the other's look-out, again and again. So after many in vain there is
// a patient one, longer than it takes to wake a thread.
//
// Shared by threads that may overwrite each other: it is but a habit.
class look_out_habit {
 public:
  enum class how { not_at_all, briefly, patiently };

  // At each chance.
  [[nodiscard]] how now() noexcept {
    const std::uint32_t left = to_pass_.load(std::memory_order_relaxed);
    if (left == 0) {
      const bool patient = in_vain_.load(std::memory_order_relaxed) == many;
      return patient ? how::patiently : how::briefly;
    }
    to_pass_.store(left - 1, std::memory_order_relaxed);
    return how::not_at_all;
  }
  void in_vain() noexcept {
    std::uint32_t pass = passed_last_.load(std::memory_order_relaxed);
    if (pass < most) pass = 2 * pass + 1;
    passed_last_.store(pass, std::memory_order_relaxed);
    to_pass_.store(pass, std::memory_order_relaxed);
    const std::uint32_t times = in_vain_.load(std::memory_order_relaxed);
    in_vain_.store(times < many ? times + 1 : 0, std::memory_order_relaxed);
  }
  void succeeded() noexcept {
    passed_last_.store(0, std::memory_order_relaxed);
    in_vain_.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr std::uint32_t most = 15;
  static constexpr std::uint32_t many = 16;

  std::atomic<std::uint32_t> to_pass_{0};
  std::atomic<std::uint32_t> passed_last_{0};
  std::atomic<std::uint32_t> in_vain_{0};  // in a row, since the last patient one
};

}  // namespace millrace::detail
