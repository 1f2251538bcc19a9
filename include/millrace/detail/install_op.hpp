#pragma once

#include <stop_token>
#include <utility>

#include "millrace/detail/call.hpp"
#include "millrace/detail/fork_join.hpp"

namespace millrace::detail {

// install: the callable inside an isolated region, so that its parallel algorithms spread over the
// workers while its waits take up nothing of any other job.
template <class F>
class install_body {
 public:
  using result_type = typename once<F>::result_type;

  explicit install_body(F&& f) : f_(std::move(f)) {}

  static constexpr bool stoppable = once<F>::stoppable;

  result_type operator()(const std::stop_token& stop) {
    return call_through<result_type>([](auto&& inside) { in_region(all_helpers, inside); },
                                     [&]() -> decltype(auto) { return f_(stop); });
  }

 private:
  once<F> f_;
};

}  // namespace millrace::detail
