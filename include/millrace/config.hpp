#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "millrace/core_type.hpp"
#include "millrace/detail/config.hpp"
#include "millrace/detail/config_text.hpp"
#include "millrace/detail/cpu_count.hpp"
#include "millrace/detail/cpu_mask.hpp"
#include "millrace/detail/topology.hpp"

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
/// An aggregate: `ComputeConfig{.threads = 4, .thread_name = "resize"}`. It may also come from a
/// TOML file (config_toml.hpp), the environment (`from_env`) and the command line
/// (config_flags.hpp); docs/configuration.md has the names and units.
struct ComputeConfig {
  /// Workers, that is threads that run jobs: 1 to 256, or 4 per hardware thread if that is more.
  int threads = usable_cpus();

  /// Prefix of the threads' names, as `top -H` and debuggers show them: `millrace-0` for workers,
  /// `millrace+0` for helpers, which take part where jobs fork. Linux keeps 15 bytes; prefix, sign
  /// and the highest index must fit in.
  std::string thread_name = "millrace";

  /// Stack of each worker and helper in bytes: 0 for the system's default, usually 8 MiB, else
  /// 128 KiB to 1 GiB, rounded up to a multiple of 64 KiB. Each pool has its own.
  std::size_t stack_size = 0;

  /// Each worker runs on one CPU only: the CPUs that the fields below leave, those first that the
  /// fewest workers of other pinned pools have, in turn if there are more workers than CPUs. Else a
  /// worker may run on all of them, as helpers always may.
  bool pin_threads = false;

  /// The NUMA node on whose CPUs the workers run, -1 for any. `threads` doesn't follow by itself.
  int numa_node = -1;

  /// The type of cores that the workers run on, of a machine that has several.
  CoreType core_type = CoreType::any;

  /// Added to the nice value of the thread that makes the pool, for this pool's threads: -20 to 19,
  /// more is less urgent. With as many workers as CPUs, 10 keeps the I/O threads from waiting for a
  /// worker's time slice. Below 0 needs the right to (CAP_SYS_NICE, or RLIMIT_NICE). Without it no
  /// thread can have less than the one that starts it, which is whoever first needs it.
  int nice = 0;

  /// How long a worker that has run out of jobs looks out for the next one before it sleeps: 0 to
  /// 1 s. Waking a sleeping worker takes tens of microseconds; looking out takes a core meanwhile.
  /// So it is a habit: where it was in vain, up to 15 chances to do it pass unused; where it was so
  /// many times, or never, it takes 100 us if that is longer. For as long after its last
  /// completion, and with the same habit, a loop with jobs of this pool out polls its timers and
  /// sockets instead of sleeping, so that no worker has to wake it. 0 turns off both.
  std::chrono::nanoseconds idle_spin = std::chrono::microseconds(5);

  /// Jobs that run at least this long are counted as slow in the metrics; more than 0.
  std::chrono::nanoseconds slow_job = std::chrono::milliseconds(100);

  /// Operations that may be pending, that is submitted and not started; 0 for any number. What the
  /// pool's executor is given doesn't count.
  std::size_t max_pending = 0;

  /// What becomes of an operation that finds `max_pending` others before it.
  Overflow overflow = Overflow::wait;

  /// `base` with the fields for which the environment has a variable: the prefix, an underscore and
  /// the field's name in capitals, `MILLRACE_IDLE_SPIN=100us`. Other variables are not looked at.
  ///
  /// Throws `std::invalid_argument` for the first value that can't be used, also an empty one; one
  /// line that names the variable, the field, the value and what would be right.
  ///
  /// **Thread safety:** as `std::getenv`: not while another thread changes the environment.
  template <std::same_as<ComputeConfig> Base = ComputeConfig>  // compiled where it's called only
  [[nodiscard]] static ComputeConfig from_env(std::string_view prefix = "MILLRACE", Base base = {});

  /// Throws `std::invalid_argument` for the first field that can't be used, on this machine and
  /// with the affinity mask of the calling thread; one line that names the field, the value and
  /// what would be right.
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
    detail::require(
        stack_size == 0 ||
            (stack_size >= detail::least_stack_size && stack_size <= detail::most_stack_size),
        "stack_size", stack_size, "0 (the system's default) or 131072 to 1073741824 bytes");
    detail::require(numa_node >= -1, "numa_node", numa_node, "-1 (any) or a node's number");
    detail::require(core_type >= CoreType::any && core_type <= CoreType::efficiency, "core_type",
                    static_cast<int>(core_type),
                    "CoreType::any (0), performance (1) or efficiency (2)");
    if (numa_node != -1 || core_type != CoreType::any) {
      const auto choice = detail::choose_cpus(
          "/", detail::cpu_mask::of_thread(0).value_or(detail::cpu_mask()), numa_node, core_type);
      const bool node = choice.wrong == "numa_node";
      const char* type = core_type == CoreType::performance ? "performance" : "efficiency";
      detail::require(choice.wrong.empty(), node ? "numa_node" : "core_type",
                      node ? std::to_string(numa_node) : type, choice.right);
    }
    detail::require(nice >= -20 && nice <= 19, "nice", nice, "-20 to 19");
    detail::require(
        idle_spin >= std::chrono::nanoseconds::zero() && idle_spin <= std::chrono::seconds(1),
        "idle_spin", idle_spin.count(), "0 to 1000000000 ns");
    detail::require(overflow == Overflow::wait || overflow == Overflow::reject, "overflow",
                    static_cast<int>(overflow), "Overflow::wait (0) or Overflow::reject (1)");
    detail::require(slow_job > std::chrono::nanoseconds::zero(), "slow_job", slow_job.count(),
                    "more than 0 ns");
  }

  [[nodiscard]] bool operator==(const ComputeConfig&) const = default;
};

namespace detail {

// What every source of a configuration goes by, and docs/configuration.md.
template <auto Member, auto Parse>
[[nodiscard]] bool set_field(ComputeConfig& config, std::string_view text) {
  return Parse(text, config.*Member);
}

template <std::same_as<Overflow> Choice>
[[nodiscard]] bool parse_overflow(std::string_view text, Choice& value) {
  return parse_choice({{"wait", Overflow::wait}, {"reject", Overflow::reject}}, text, value);
}

template <std::same_as<CoreType> Choice>
[[nodiscard]] bool parse_core_type(std::string_view text, Choice& value) {
  return parse_choice({{"any", CoreType::any},
                       {"performance", CoreType::performance},
                       {"efficiency", CoreType::efficiency}},
                      text, value);
}

inline constexpr const char* number_form = "a whole number";
template <class Config>
inline constexpr std::array<config_field<Config>, 11> config_fields{{
    {"threads", number_form, "", &set_field<&Config::threads, parse_number<int>>},
    {"thread_name", "text", "millrace", &set_field<&Config::thread_name, parse_text>},
    {"stack_size", size_form, "0", &set_field<&Config::stack_size, parse_size<std::size_t>>},
    {"pin_threads", "true or false", "false", &set_field<&Config::pin_threads, parse_bool>},
    {"numa_node", number_form, "-1", &set_field<&Config::numa_node, parse_number<int>>},
    {"core_type", "any, performance or efficiency", "any",
     &set_field<&Config::core_type, parse_core_type<CoreType>>},
    {"nice", number_form, "0", &set_field<&Config::nice, parse_number<int>>},
    {"idle_spin", duration_form, "5us",
     &set_field<&Config::idle_spin, parse_duration<std::chrono::nanoseconds>>},
    {"slow_job", duration_form, "100ms",
     &set_field<&Config::slow_job, parse_duration<std::chrono::nanoseconds>>},
    {"max_pending", "a whole number, at least 0", "0",
     &set_field<&Config::max_pending, parse_number<std::size_t>>},
    {"overflow", "wait or reject", "wait", &set_field<&Config::overflow, parse_overflow<Overflow>>},
}};

}  // namespace detail

template <std::same_as<ComputeConfig> Base>
ComputeConfig ComputeConfig::from_env(std::string_view prefix, Base base) {
  for (const auto& field : detail::config_fields<Base>) {
    const std::string variable = field.variable(prefix);
    const char* text = std::getenv(variable.c_str());  // NOLINT(concurrency-mt-unsafe): documented
    if (text != nullptr) field.apply(base, text, variable + " in the environment");
  }
  return base;
}

}  // namespace millrace
