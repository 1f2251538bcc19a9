#pragma once

#include "support/clocks.hpp"

// What the machine itself can do, to read the other numbers by.
namespace bench {

/// Nanoseconds of a call through a pointer that the compiler can't see through.
[[nodiscard]] double plain_call(nanoseconds time);

/// Nanoseconds from a thread to another and back, both spinning on a word of memory. Tells how far
/// apart the two cores are at the moment.
[[nodiscard]] double spinning_round_trip(nanoseconds time);

/// The same with both sleeping in `read` of an eventfd: what it costs to wake a thread, twice.
[[nodiscard]] double sleeping_round_trip(nanoseconds time);

}  // namespace bench
