#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "millrace/detail/expected_like.hpp"

namespace millrace {

/// Several steps as one callable, for `parallel_filter_map`: made by `stages(f, g, ...)`.
///
/// The first step is called with the argument, each other one with what the step before returned. A
/// step that returns an empty `std::optional` ends the chain there; of one that isn't empty the
/// next gets the value. What the last one returns is put into a `std::optional`, unless it is one,
/// or an expected-like of one.
///
/// **Completes:** with that; what a step throws leaves the call. **Thread safety:** as the steps
/// have it when called as const. **Allocation:** none of its own.
template <class... Fs>
class Stages {
 public:
  explicit Stages(Fs... fs) : fs_(std::move(fs)...) {}

  template <class Argument>
    requires std::invocable<const std::tuple_element_t<0, std::tuple<Fs...>>&, Argument>
  auto operator()(Argument&& argument) const {
    return run<0>(std::forward<Argument>(argument));
  }

 private:
  template <std::size_t I, class Argument>
  auto run(Argument&& argument) const {
    decltype(auto) got = std::invoke(std::get<I>(fs_), std::forward<Argument>(argument));
    using type = std::remove_cvref_t<decltype(got)>;
    constexpr bool is_last = I + 1 == sizeof...(Fs);
    if constexpr (is_last && (detail::optional_like<type> || detail::expected_like<type>)) {
      return type(std::forward<decltype(got)>(got));
    } else if constexpr (is_last) {
      return std::optional<type>(std::forward<decltype(got)>(got));
    } else if constexpr (detail::optional_like<type>) {
      using result = decltype(run<I + 1>(std::forward<decltype(got)>(got).value()));
      if (!got.has_value()) return result(std::nullopt);
      return run<I + 1>(std::forward<decltype(got)>(got).value());
    } else {
      static_assert(!detail::expected_like<type>,
                    "stages: only the last step may return an expected-like");
      return run<I + 1>(std::forward<decltype(got)>(got));
    }
  }

  std::tuple<Fs...> fs_;
};

/// Chains steps: `stages(parse, check, convert)`, see `Stages`. **Example:**
/// examples/08_patterns.cpp
template <class... Fs>
  requires(sizeof...(Fs) >= 1)
[[nodiscard]] Stages<std::decay_t<Fs>...> stages(Fs&&... fs) {
  return Stages<std::decay_t<Fs>...>(std::forward<Fs>(fs)...);
}

}  // namespace millrace
