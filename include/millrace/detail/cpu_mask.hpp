#pragma once

#include <sched.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

namespace millrace::detail {

// A set of CPUs that holds as many as Linux can be built for (NR_CPUS), without memory from the
// heap: workers handle it where nothing may throw.
class cpu_mask {
 public:
  static constexpr int most = 8192;

  void add(int cpu) noexcept {
    if (cpu >= 0 && cpu < most) CPU_SET_S(static_cast<std::size_t>(cpu), bytes, sets_.data());
  }
  [[nodiscard]] bool has(int cpu) const noexcept {
    return cpu >= 0 && cpu < most &&
           CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, sets_.data());
  }
  [[nodiscard]] int count() const noexcept { return CPU_COUNT_S(bytes, sets_.data()); }

  // What both have.
  [[nodiscard]] cpu_mask operator&(const cpu_mask& other) const noexcept {
    cpu_mask both;
    CPU_AND_S(bytes, both.sets_.data(), sets_.data(), other.sets_.data());
    return both;
  }
  [[nodiscard]] bool operator==(const cpu_mask& other) const noexcept {
    return CPU_EQUAL_S(bytes, sets_.data(), other.sets_.data());
  }

  // Where the kernel lets a thread run; 0 is the calling one. None if it doesn't say.
  [[nodiscard]] static std::optional<cpu_mask> of_thread(pid_t thread) noexcept {
    cpu_mask mask;
    if (::sched_getaffinity(thread, bytes, mask.sets_.data()) != 0) return std::nullopt;
    return mask;
  }
  // False, and errno, if the kernel refuses.
  [[nodiscard]] bool give_to(pid_t thread) const noexcept {
    return ::sched_setaffinity(thread, bytes, sets_.data()) == 0;
  }

 private:
  static constexpr std::size_t bytes = most / 8;

  std::array<cpu_set_t, most / CPU_SETSIZE> sets_{};
};

}  // namespace millrace::detail
