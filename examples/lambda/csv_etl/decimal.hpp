/// Decimal numbers as exact integers: a sum of them doesn't depend on the order of its terms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lambda::csv_etl {

/// The unit of every recovery time: millionths, that is 6 decimals.
inline constexpr std::int64_t micros_per_unit = 1'000'000;

/// A sum of int64 values can't overflow it before 2^63 rows. Wider than the values rather than
/// checked for overflow: a check would see +max, +max, -max overflow or not depending on where
/// the file was cut.
__extension__ typedef __int128 WideSum;

enum class DecimalError { none, not_a_number, too_many_decimals, out_of_range };

struct Decimal {
  std::int64_t micros = 0;
  DecimalError error = DecimalError::none;
};

/// `[+-]digits[.digits]` with at least one digit, at most 6 decimals and at most int64 in
/// millionths. No blanks, exponents, hexadecimals, NaN or infinities.
[[nodiscard]] Decimal parse_decimal_slow(std::string_view text) noexcept;

[[nodiscard]] inline Decimal parse_decimal(std::string_view text) noexcept {
  // Up to 9 plain digits, which is nearly every row, can't overflow.
  if (text.empty() || text.size() > 9) return parse_decimal_slow(text);
  std::int64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return parse_decimal_slow(text);
    value = value * 10 + digit;
  }
  return {value * micros_per_unit, DecimalError::none};
}

/// The double nearest to sum / (count * 10^6), ties to even: rounded once, whatever the size of
/// the sum.
[[nodiscard]] double average(WideSum sum_micros, std::uint64_t count) noexcept;

/// The shortest decimal text (no exponent) that reads back as the same double.
[[nodiscard]] std::string shortest_text(double value);

}  // namespace lambda::csv_etl
