#pragma once

#include <cstddef>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "millrace/detail/call.hpp"
#include "millrace/detail/fork_join.hpp"
#include "millrace/detail/result.hpp"

namespace millrace::detail {

// join: all callables at once, the first on this worker, the others for whoever is free. Each
// keeps its own outcome, so a throw in one stops none of the others.
template <class... Fs>
class join_body {
 public:
  using result_type = std::tuple<
      std::conditional_t<std::is_void_v<job_result_t<Fs>>, std::monostate, job_result_t<Fs>>...>;

  explicit join_body(Fs&&... fs) : fs_(once<Fs>(std::move(fs))...) {}

  static constexpr bool stoppable = (once<Fs>::stoppable || ...);

  result_type operator()(const std::stop_token& stop) {
    return run(std::index_sequence_for<Fs...>(), stop);
  }

 private:
  template <std::size_t... I>
  result_type run(std::index_sequence<I...>, const std::stop_token& stop) {
    std::tuple<job_result<job_result_t<Fs>>...> results;
    in_region(sizeof...(I) - 1, [&] {
      fork_group others;
      // Forked from the last to the first: this worker goes on with the newest, so that on one
      // worker the callables run in argument order.
      (fork_unless_first<sizeof...(I) - 1 - I>(others, results, stop), ...);
      std::get<0>(results).capture(std::get<0>(fs_), stop);
      others.wait();
    });
    // Braces: evaluated left to right, so the first in argument order that threw is rethrown.
    return result_type{take(std::move(std::get<I>(results)))...};
  }

  template <std::size_t I, class Results>
  void fork_unless_first(fork_group& others, Results& results, const std::stop_token& stop) {
    if constexpr (I != 0) {
      others.run([this, &results, &stop] { std::get<I>(results).capture(std::get<I>(fs_), stop); });
    }
  }

  template <class T>
  static T take(job_result<T>&& result) {
    return std::move(result).get();
  }
  static std::monostate take(job_result<void>&& result) {
    std::move(result).get();
    return {};
  }

  std::tuple<once<Fs>...> fs_;
};

}  // namespace millrace::detail
