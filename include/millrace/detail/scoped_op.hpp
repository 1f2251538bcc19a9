#pragma once

#include <exception>
#include <functional>
#include <stop_token>
#include <utility>

#include "millrace/detail/fork_join.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/scope.hpp"
#include "millrace/scope.hpp"

namespace millrace::detail {

// execute_scoped: the callable with a scope, and then whatever the scope still has to do.
template <class F, spawn_order Order>
class scoped_body {
 public:
  using result_type = scope_result_t<F>;
  static constexpr bool stoppable = true;  // children ask the scope for the token

  explicit scoped_body(F&& f) : f_(std::move(f)) {}

  result_type operator()(const std::stop_token& stop) {
    job_result<result_type> result;
    region forks;  // calls helpers as children are spawned
    isolated([&] {
      scope_state state(Order, forks);
      Scope scope(state, stop);
      auto body = [&]() -> decltype(auto) {
        try {
          if constexpr (takes_stop<F&&, Scope&>) {
            return call_stoppable(stop, std::move(f_), scope);
          } else {
            return std::invoke(std::move(f_), scope);
          }
        } catch (...) {
          state.keep_first(std::current_exception());  // in its place among the children's
          throw;
        }
      };
      result.capture(body);
      state.wait();
      state.rethrow_first();
    });
    return std::move(result).get();
  }

 private:
  F f_;
};

}  // namespace millrace::detail
