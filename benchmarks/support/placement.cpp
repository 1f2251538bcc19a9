#include "support/placement.hpp"

#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace bench {

namespace {

// What the process had from the start.
const cpu_set_t& allowed() {
  static const cpu_set_t at_start = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    ::sched_getaffinity(0, sizeof set, &set);
    return set;
  }();
  return at_start;
}

// For all threads; the first CPU is `loop`'s for this one, `others` for the rest.
void set_all(const cpu_set_t& loop, const cpu_set_t& others) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const pid_t thread = std::stoi(entry.path().filename());
    ::sched_setaffinity(thread, sizeof loop, thread == ::gettid() ? &loop : &others);
  }
}

}  // namespace

void place_threads(int workers) {
  if (!pin_threads || CPU_COUNT(&allowed()) <= workers) return;
  cpu_set_t loop;
  CPU_ZERO(&loop);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed())) {
      CPU_SET(cpu, &loop);
      break;
    }
  cpu_set_t others;
  CPU_XOR(&others, &allowed(), &loop);
  set_all(loop, others);
}

void release_threads() {
  if (pin_threads) set_all(allowed(), allowed());
}

}  // namespace bench
