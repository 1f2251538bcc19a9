#pragma once

#include <optional>
#include <utility>
#include <variant>

namespace test {

// As much of std::expected as callables need that return one; C++20 has none.
template <class E>
struct Unexpected {
  explicit Unexpected(E e) : error(std::move(e)) {}
  E error;
};

template <class T, class E>
class Expected {
 public:
  using value_type = T;
  using unexpected_type = Unexpected<E>;

  Expected(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: as std's
  Expected(Unexpected<E> error)                                            // NOLINT: as std's
      : state_(std::in_place_index<1>, std::move(error.error)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  T& value() & { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  E& error() & { return std::get<1>(state_); }
  E&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, E> state_;
};

template <class E>
class Expected<void, E> {
 public:
  using value_type = void;
  using unexpected_type = Unexpected<E>;

  Expected() = default;
  Expected(Unexpected<E> error) : error_(std::move(error.error)) {}  // NOLINT: as std's

  [[nodiscard]] bool has_value() const { return !error_; }
  void value() const {}
  E& error() & { return *error_; }
  E&& error() && { return *std::move(error_); }

 private:
  std::optional<E> error_;
};

}  // namespace test
