#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace millrace::detail {

// How many forks lie between this process and the one that first asked. A forked child has memory
// that looks like a pool, but none of its threads.
[[nodiscard]] inline std::uint32_t fork_generation() noexcept {
  static std::atomic<std::uint32_t> generation{0};
  // Fails only where memory is out; forks go unnoticed then.
  static const int registered = ::pthread_atfork(
      nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return generation.load(std::memory_order_relaxed);
}

// False in a child of a process that has had a pool: oneTBB doesn't know that its threads are gone.
[[nodiscard]] inline bool may_make_a_pool() noexcept {
  static const std::uint32_t first_pool = fork_generation();
  return fork_generation() == first_pool;
}

}  // namespace millrace::detail
