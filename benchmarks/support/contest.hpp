#pragma once

#include <string>
#include <type_traits>

#include "support/rivals.hpp"
#include "support/stream.hpp"

namespace bench {

/// Calls `use.template operator()<Rival, Style>(name)` for every C++ way to do a hop.
template <class Use>
void for_each_rival(Use&& use) {
  using plain = millrace_pool<millrace::ComputeMetrics>;
  constexpr auto coroutines = style::coroutines;
  constexpr auto callbacks = style::callbacks;
  use.template operator()<plain, coroutines>(plain::name);
  use.template operator()<thread_pool_co_spawn, coroutines>(thread_pool_co_spawn::name);
  use.template operator()<thread_pool_post, coroutines>(thread_pool_post::name);
  use.template operator()<naive_enqueue, coroutines>(naive_enqueue::name);
  // The same without coroutines: `deferred`, invoked with a callback.
  use.template operator()<plain, callbacks>("millrace-deferred");
  use.template operator()<thread_pool_post, callbacks>("thread_pool-post-deferred");
  use.template operator()<naive_enqueue, callbacks>("naive-deferred");
}

}  // namespace bench
