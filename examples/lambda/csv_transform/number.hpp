/// Numbers as a CSV has them.
#pragma once

#include <string>
#include <string_view>

namespace lambda::csv_transform {

enum class NumberError { none, empty, not_a_number, out_of_range };

struct Number {
  double value = 0;
  NumberError error = NumberError::none;
};

/// `[+-]digits[.digits][e[+-]digits]` with a digit before or after the point, and blanks and tabs
/// around it, as the nearest double. No NaN, infinities, hexadecimals or thousands separators; what
/// rounds to infinity, or to zero without being it, is out of range.
[[nodiscard]] Number parse_number(std::string_view text) noexcept;

/// Appends the shortest text that reads back as the same finite double: `0.1`, `1e+16`, `-0`.
/// In scientific notation from 1e16 on and below 1e-4, as Python has it.
void append_number(std::string& out, double value);

}  // namespace lambda::csv_transform
