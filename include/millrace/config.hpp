#pragma once

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "millrace/detail/config.hpp"
#include "millrace/detail/cpu_count.hpp"

namespace millrace {

/// Number of CPUs that this process may really use, at least 1.
///
/// The smaller of the affinity mask (`sched_getaffinity`) and the CPU quota of the process's
/// control group and of every group above it (cgroup v2 `cpu.max`, cgroup v1
/// `cpu.cfs_quota_us / cpu.cfs_period_us`), the quota rounded up. oneTBB before 2022.3 doesn't
/// know about quotas, which is why this reads them itself.
///
/// **Thread safety:** may be called from any thread. Reads `/proc` and `/sys` at each call.
[[nodiscard]] inline int usable_cpus() {
  return detail::usable_cpus("/");
}

/// What a full pool does with one more operation.
enum class Overflow {
  wait,    ///< it waits for its turn, in order, and may be cancelled meanwhile
  reject,  ///< it completes with `errc::queue_full`
};

/// What a `ComputePool` is made of; every field has a default that suits a service.
///
/// An aggregate: `ComputeConfig{.threads = 4, .thread_name = "resize"}`.
struct ComputeConfig {
  /// Workers, that is threads that run jobs: 1 to 256, or 4 per hardware thread if that is more.
  int threads = usable_cpus();

  /// Prefix of the workers' names, as `top -H` and debuggers show them: `millrace-0`. Linux keeps
  /// 15 bytes; prefix, hyphen and the highest index must fit in.
  std::string thread_name = "millrace";

  /// Stack of each worker in bytes: 0 for oneTBB's default (the system's, usually 8 MiB), else
  /// 128 KiB to 1 GiB. oneTBB reads it once, when the first pool of the process is made: a later
  /// pool that asks for more than the first is refused with `errc::stack_size_fixed`.
  std::size_t stack_size = 0;

  /// How long a worker that has run out of jobs looks out for the next one before it sleeps: 0 to
  /// 1 s. Waking a sleeping worker takes tens of microseconds; looking out takes a core meanwhile.
  /// For as long after its last completion a loop with jobs of this pool out polls its timers and
  /// sockets instead of sleeping, so that no worker has to wake it. 0 turns off both.
  std::chrono::nanoseconds idle_spin = std::chrono::microseconds(5);

  /// Jobs that run at least this long are counted as slow in the metrics; more than 0.
  std::chrono::nanoseconds slow_job = std::chrono::milliseconds(100);

  /// Operations that may be pending, that is submitted and not started; 0 for any number. What the
  /// pool's executor is given doesn't count.
  std::size_t max_pending = 0;

  /// What becomes of an operation that finds `max_pending` others before it.
  Overflow overflow = Overflow::wait;

  /// Throws `std::invalid_argument` for the first field that can't be used; one line that names
  /// the field, the value and what would be right.
  void validate() const {
    const int most = detail::most_threads();
    detail::require(threads >= 1 && threads <= most, "threads", threads,
                    "1 to " + std::to_string(most));
    const std::size_t room = detail::thread_name_room(threads);
    detail::require(!thread_name.empty() && thread_name.size() <= room, "thread_name",
                    '"' + thread_name + '"',
                    "1 to " + std::to_string(room) + " bytes, so that the index still fits");
    detail::require(thread_name.find('\0') == std::string::npos, "thread_name",
                    '"' + std::string(thread_name.c_str()) + "\\0...\"", "no NUL byte");
    detail::require(stack_size == 0 || (stack_size >= detail::least_stack_size &&
                                        stack_size <= detail::most_stack_size),
                    "stack_size", stack_size, "0 (oneTBB's default) or 131072 to 1073741824 bytes");
    detail::require(
        idle_spin >= std::chrono::nanoseconds::zero() && idle_spin <= std::chrono::seconds(1),
        "idle_spin", idle_spin.count(), "0 to 1000000000 ns");
    detail::require(overflow == Overflow::wait || overflow == Overflow::reject, "overflow",
                    static_cast<int>(overflow), "Overflow::wait (0) or Overflow::reject (1)");
    detail::require(slow_job > std::chrono::nanoseconds::zero(), "slow_job", slow_job.count(),
                    "more than 0 ns");
  }
};

}  // namespace millrace
