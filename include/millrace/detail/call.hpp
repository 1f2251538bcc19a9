#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "millrace/concepts.hpp"

namespace millrace::detail {

// A callable that is called once, as an rvalue, so that one that gives away its captures works.
template <class F>
class once {
 public:
  using result_type = job_result_t<F>;

  static constexpr bool stoppable = StoppableJob<F>;

  explicit once(F&& f) : f_(std::move(f)) {}

  decltype(auto) operator()([[maybe_unused]] const std::stop_token& stop) {
    if constexpr (stoppable) {
      return call_stoppable(stop, std::move(f_));
    } else {
      return std::invoke(std::move(f_));
    }
  }

 private:
  F f_;
};

// Calls `f()` inside `wrapper(callable)`, which returns nothing, and gives back what `f` returns.
template <class Result, class Wrapper, class F>
Result call_through(Wrapper&& wrapper, F&& f) {
  if constexpr (std::is_void_v<Result>) {
    wrapper([&] { f(); });
  } else {
    std::optional<Result> result;
    wrapper([&] { result.emplace(f()); });
    return *std::move(result);
  }
}

}  // namespace millrace::detail
