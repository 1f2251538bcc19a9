#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

namespace millrace::detail {

// A value or an error: std::expected, tl::expected, boost::system::result, whoever's.
template <class T>
concept expected_like = requires(T& t) {
  typename T::value_type;
  { t.has_value() } -> std::convertible_to<bool>;
  t.value();
  t.error();
};

// A value or nothing.
template <class T>
concept optional_like = !expected_like<T> && requires(T& t) {
  typename T::value_type;
  { t.has_value() } -> std::convertible_to<bool>;
  t.value();
};

// The same kind of expected with another value.
template <class Expected, class Value>
struct rebound;
template <template <class...> class Expected, class Old, class... Rest, class Value>
struct rebound<Expected<Old, Rest...>, Value> {
  using type = Expected<Value, Rest...>;
};

struct no_error {};

// Of what a callable returned: the value that it may hold (a reference as the callable gives it),
// the error, and what an operation completes with that makes a `Value` of many of these.
template <class Returned>
struct unwrapped {
  using value_type = Returned;
  using error_type = no_error;
  template <class Value>
  using outcome = Value;
};
template <class Returned>
  requires expected_like<std::remove_cvref_t<Returned>>
struct unwrapped<Returned> {
  using expected = std::remove_cvref_t<Returned>;
  using value_type = typename expected::value_type;
  using error_type = std::remove_cvref_t<decltype(std::declval<expected&>().error())>;
  template <class Value>
  using outcome = typename rebound<expected, Value>::type;
};

template <class Returned>
using unwrapped_value_t = typename unwrapped<Returned>::value_type;
template <class Returned>
using unwrapped_error_t = typename unwrapped<Returned>::error_type;
template <class Returned, class Value>
using outcome_t = typename unwrapped<Returned>::template outcome<Value>;

// An expected that holds an error: through its `unexpected_type` where it has one, as
// std::expected.
template <class Expected, class Error>
[[nodiscard]] Expected failed_with(Error&& error) {
  if constexpr (requires { typename Expected::unexpected_type; }) {
    return Expected(typename Expected::unexpected_type(std::forward<Error>(error)));
  } else {
    return Expected(std::forward<Error>(error));
  }
}

}  // namespace millrace::detail
