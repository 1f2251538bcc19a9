#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "millrace/detail/look_out.hpp"

namespace millrace::detail {

// How a loop looks out for finished jobs: a turn that ends while jobs are still out asks for the
// next one itself, for a while after the last job came in. The loop polls its sockets and timers in
// between instead of going to sleep, and no worker has to wake it.
//
// Turns may overlap, and workers call meanwhile: like the habit, it is only ever about right.
template <class Clock = std::chrono::steady_clock>
class look_on {
 public:
  // Any thread. How long a brief look-out is; zero: there is none.
  void lasts(std::chrono::nanoseconds brief) noexcept {
    if (brief_.load(std::memory_order_relaxed) != brief.count()) {
      brief_.store(brief.count(), std::memory_order_relaxed);
    }
  }

  // At the end of a turn: whether there is to be another one. `more`: jobs are out.
  [[nodiscard]] bool goes_on(bool something_came, bool more) noexcept {
    const std::int64_t brief = brief_.load(std::memory_order_relaxed);
    const looking before = looking_.load(std::memory_order_relaxed);
    looking after = looking::no;
    if (brief != 0 && more) {
      const std::int64_t now = time();
      if (something_came) {
        if (before != looking::no) {
          using when = look_out_habit::when;
          habit_.succeeded(before == looking::late ? when::late : when::soon);
        }
        after = begin(now, brief);
      } else if (before != looking::no) {
        after = still(now, before);
      }
    }
    if (after != before) looking_.store(after, std::memory_order_relaxed);
    return after != looking::no;
  }

  // On a worker that has to wake the loop: had it looked on, it would have seen the job by now.
  void missed() noexcept {
    if (brief_.load(std::memory_order_relaxed) != 0 &&
        time() < brief_until_.load(std::memory_order_relaxed)) {
      habit_.succeeded(look_out_habit::when::soon);
    }
  }

 private:
  enum class looking : std::uint8_t { no, yes, late };

  static std::int64_t time() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
        .count();
  }

  looking begin(std::int64_t now, std::int64_t brief) noexcept {
    const auto way = habit_.now();
    const auto most = look_out_habit::time_of(way, std::chrono::nanoseconds(brief));
    brief_until_.store(now + brief, std::memory_order_relaxed);
    until_.store(now + most.count(), std::memory_order_relaxed);
    return way == look_out_habit::how::not_at_all ? looking::no : looking::yes;
  }

  looking still(std::int64_t now, looking before) noexcept {
    if (now >= until_.load(std::memory_order_relaxed)) {
      habit_.in_vain();
      return looking::no;
    }
    return now < brief_until_.load(std::memory_order_relaxed) ? before : looking::late;
  }

  std::atomic<std::int64_t> brief_{0};        // nanoseconds
  std::atomic<std::int64_t> brief_until_{0};  // of the clock, as the next
  std::atomic<std::int64_t> until_{0};
  std::atomic<looking> looking_{looking::no};
  look_out_habit habit_;
};

}  // namespace millrace::detail
