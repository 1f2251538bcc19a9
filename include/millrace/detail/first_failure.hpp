#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "millrace/detail/expected_like.hpp"
#include "millrace/detail/handler.hpp"

namespace millrace::detail {

// How a pattern ends: as the first part, in input order, that failed or was left out. A part that
// comes later may fail earlier; so what lies before it still runs, and what lies behind doesn't.
template <class Error>
class first_failure {
 public:
  explicit first_failure(const std::stop_token& stop) noexcept : stop_(stop) {}

  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }

  [[nodiscard]] bool may_begin(std::size_t part) {
    // Relaxed: who reads an old number begins a part in vain.
    if (part > first_.load(std::memory_order_relaxed)) return false;
    if (!stop_.stop_requested()) return true;
    left_out(part);
    return false;
  }

  // Has any part failed?
  [[nodiscard]] bool failed() const noexcept {
    return first_.load(std::memory_order_relaxed) != none;
  }

  void threw(std::size_t part, std::exception_ptr error) { keep<1>(part, std::move(error)); }
  void returned(std::size_t part, Error error) { keep<2>(part, std::move(error)); }
  void left_out(std::size_t part) {
    threw(part, std::make_exception_ptr(std::system_error(operation_aborted())));
  }

  // Runs `work()`, and notes for `part` what it throws.
  template <class Work>
  void run(std::size_t part, Work&& work) {
    try {
      work();
    } catch (...) {
      threw(part, std::current_exception());
    }
  }

  // Calls, and hands the value of what it returns to `keep`. False if that was an error.
  template <class Call, class Keep>
  bool settle(std::size_t part, Call&& call, Keep&& keep) {
    using type = decltype(call());
    if constexpr (std::is_void_v<type>) {
      call();
      keep();
    } else if constexpr (expected_like<std::remove_cvref_t<type>>) {
      auto&& got = call();
      if (!got.has_value()) {
        returned(part, std::forward<type>(got).error());
        return false;
      }
      if constexpr (std::is_void_v<unwrapped_value_t<type>>) {
        keep();
      } else {
        keep(std::forward<type>(got).value());
      }
    } else {
      keep(call());
    }
    return true;
  }

  // After all parts, from whom oneTBB's wait separates this: what the pattern completes with.
  template <class Outcome, class Make>
  Outcome finish(Make&& make) {
    if (auto* const error = std::get_if<1>(&why_)) std::rethrow_exception(std::move(*error));
    if constexpr (!std::is_same_v<Error, no_error>) {
      if (auto* const error = std::get_if<2>(&why_)) {
        return failed_with<Outcome>(std::move(*error));
      }
    }
    return std::forward<Make>(make)();
  }

 private:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  template <std::size_t Index, class Reason>
  void keep(std::size_t part, Reason&& why) {
    const std::lock_guard lock(mutex_);
    if (part >= first_.load(std::memory_order_relaxed)) return;
    why_.template emplace<Index>(std::forward<Reason>(why));
    first_.store(part, std::memory_order_relaxed);
  }

  const std::stop_token& stop_;
  std::atomic<std::size_t> first_{none};
  std::mutex mutex_;
  std::variant<std::monostate, std::exception_ptr, Error> why_;
};

}  // namespace millrace::detail
