#pragma once

#include <cstddef>
#include <utility>

#include "millrace/detail/arena.hpp"
#include "millrace/detail/helpers.hpp"

namespace millrace::detail {

inline constexpr std::size_t all_helpers = static_cast<std::size_t>(-1);

// Runs `f` on the calling thread as a part of a job that forks: at most `helpers` other threads of
// the pool take part, and a wait inside takes up nothing but what `f` has spawned.
template <class F>
void in_region(std::size_t helpers, F&& f) {
  const region forks(helpers);
  isolated(std::forward<F>(f));
}

}  // namespace millrace::detail
