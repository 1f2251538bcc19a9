#pragma once

#include <atomic>
#include <cstddef>

namespace millrace::detail {

// A small number for each thread that asks, handed out in turn, to spread threads over shards and
// slots.
[[nodiscard]] inline std::size_t this_thread_number() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace millrace::detail
