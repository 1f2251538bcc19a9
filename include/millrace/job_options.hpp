#pragma once

namespace millrace {

/// Which of a pool's waiting jobs go first.
///
/// Higher ones overtake lower ones that still wait, never one that runs. One job in 8 is taken from
/// below `high` and one in 64 from `low` first, so that nothing waits for ever.
enum class Priority { high, normal, low };

/// How one job is to be treated; designated initialisers: `{.priority = Priority::high}`.
struct JobOptions {
  Priority priority = Priority::normal;
};

}  // namespace millrace
