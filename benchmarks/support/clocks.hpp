#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <string>

namespace bench {

using clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

/// CPU time of all threads of this process, user and system.
[[nodiscard]] inline nanoseconds process_cpu() noexcept {
  std::timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

/// CPU time of this thread.
[[nodiscard]] inline nanoseconds thread_cpu() noexcept {
  std::timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

/// CPU time that this machine has spent on anything, or that its hypervisor took.
[[nodiscard]] inline nanoseconds machine_cpu() {
  std::ifstream stat("/proc/stat");
  std::string name;
  std::int64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0;
  stat >> name >> user >> nice >> system >> idle >> wait >> irq >> softirq >> steal;
  const std::int64_t ticks = user + nice + system + irq + softirq + steal;
  return std::chrono::duration_cast<nanoseconds>(std::chrono::seconds(ticks)) /
         ::sysconf(_SC_CLK_TCK);
}

[[nodiscard]] inline double in_ns(clock::duration time) noexcept {
  return std::chrono::duration<double, std::nano>(time).count();
}

[[nodiscard]] inline double in_us(clock::duration time) noexcept {
  return in_ns(time) / 1e3;
}

}  // namespace bench
