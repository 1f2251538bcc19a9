#pragma once

namespace bench {

/// What `--pin` asks for.
inline bool pin_threads = false;

/// If asked for and there are CPUs enough: this thread, the loop, to the first CPU, all others of
/// the process to the rest. To be called after the warm-up, when the pool has its threads.
void place_threads(int workers);

/// Undoes it, for the next pool's threads.
void release_threads();

}  // namespace bench
