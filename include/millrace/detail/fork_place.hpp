#pragma once

#include <cstddef>

namespace millrace::detail {

class helpers;
class worker_arena;

// Where the calling thread forks: its arena and whoever may help there. None: not a pool's thread.
struct fork_place {
  helpers* help = nullptr;
  worker_arena* arena = nullptr;
  std::size_t most_helpers = 0;
};

[[gnu::visibility("default")]] [[nodiscard]] inline fork_place&
fork_place_of_this_thread() noexcept {
  static constinit thread_local fork_place mine;
  return mine;
}

// The pool's own view of it, as for frame_function: a job may run code of another shared object.
using fork_place_function = fork_place& (*)() noexcept;

inline void adopt_fork_place(fork_place_function of_pool) noexcept {
  fork_place& mine = fork_place_of_this_thread();
  if (mine.help == nullptr) mine = of_pool();
}

}  // namespace millrace::detail
