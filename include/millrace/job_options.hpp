#pragma once

#include <chrono>
#include <string_view>

namespace millrace {

/// Which of a pool's waiting jobs go first.
///
/// Higher ones overtake lower ones that still wait, never one that runs. One job in 8 is taken from
/// below `high` and one in 64 from `low` first, so that nothing waits for ever.
enum class Priority { high, normal, low };

/// How one job is to be treated; designated initialisers: `{.priority = Priority::high}`.
struct JobOptions {
  /// No deadline.
  static constexpr std::chrono::steady_clock::time_point never =
      std::chrono::steady_clock::time_point::max();

  Priority priority = Priority::normal;

  /// A job that hasn't started by then never runs, and completes with `errc::deadline_exceeded`
  /// at that time, however busy the workers are. One that runs then has its `std::stop_token`
  /// requested, on a thread of the pool's own, and completes as it ends.
  std::chrono::steady_clock::time_point deadline = never;

  /// What kind of job this is, for metrics and traces. Must stay valid until the job has ended: a
  /// literal, as a rule.
  std::string_view label = {};
};

}  // namespace millrace
