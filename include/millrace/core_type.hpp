#pragma once

namespace millrace {

/// Which CPUs of a machine that has several kinds of cores. Linux tells them apart by
/// `/sys/devices/cpu_core` and `cpu_atom` (Intel), else by `cpu_capacity` (Arm).
enum class CoreType {
  any,          ///< all of them
  performance,  ///< all but the smallest kind
  efficiency,   ///< the smallest kind
};

}  // namespace millrace
