#include "csv_etl/decimal.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace lambda::csv_etl {
namespace {

__extension__ typedef unsigned __int128 WideUnsigned;

constexpr int max_decimals = 6;

int bit_length(WideUnsigned value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  if (high != 0) return 64 + static_cast<int>(std::bit_width(high));
  return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(value)));
}

double divide_rounding_once(WideUnsigned numerator, std::uint64_t denominator) {
  constexpr WideUnsigned exact_limit = WideUnsigned{1} << std::numeric_limits<double>::digits;
  if (numerator < exact_limit && denominator < exact_limit) {
    // Both convert exactly, and IEEE 754 division rounds correctly.
    return static_cast<double>(numerator) / static_cast<double>(denominator);
  }
  // With the numerator shifted up to 128 bits and a denominator below 2^64 the quotient has at
  // least 64 bits. The upper 64, with everything below folded into the last one, are enough for
  // the conversion to double to round as the exact quotient would.
  const int shift = 128 - bit_length(numerator);
  numerator <<= shift;
  const WideUnsigned quotient = numerator / denominator;
  const int dropped = bit_length(quotient) - 64;
  const WideUnsigned dropped_mask = (WideUnsigned{1} << dropped) - 1;
  const bool inexact = numerator % denominator != 0 || (quotient & dropped_mask) != 0;
  const auto upper = static_cast<std::uint64_t>(quotient >> dropped) | (inexact ? 1U : 0U);
  return std::ldexp(static_cast<double>(upper), dropped - shift);
}

}  // namespace

Decimal parse_decimal(std::string_view text) noexcept {
  constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);

  std::uint64_t magnitude = 0;
  bool any_digit = false;
  bool point = false;
  bool too_large = false;
  int decimals = 0;
  const auto append_digit = [&](unsigned digit) {
    if (magnitude > (limit - digit) / 10) too_large = true;
    if (!too_large) magnitude = magnitude * 10 + digit;
  };
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    const auto digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return {0, DecimalError::not_a_number};
    any_digit = true;
    if (point) ++decimals;
    if (decimals <= max_decimals) append_digit(digit);
  }
  if (!any_digit) return {0, DecimalError::not_a_number};
  if (decimals > max_decimals) return {0, DecimalError::too_many_decimals};
  for (; decimals < max_decimals; ++decimals) append_digit(0);
  if (too_large) return {0, DecimalError::out_of_range};
  const auto value = static_cast<std::int64_t>(magnitude);
  return {negative ? -value : value, DecimalError::none};
}

double average(WideSum sum_micros, std::uint64_t count) noexcept {
  const bool negative = sum_micros < 0;
  const auto magnitude = static_cast<WideUnsigned>(negative ? -sum_micros : sum_micros);
  const double value =
      divide_rounding_once(magnitude, count * static_cast<std::uint64_t>(micros_per_unit));
  return negative ? -value : value;
}

std::string shortest_text(double value) {
  // Fixed notation: without it 100000 would come out as 1e+05, which is shorter still but not
  // what anybody expects of a number of days. 64 bytes hold any average of int64 micros.
  std::array<char, 64> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  return {buffer.data(), end};
}

}  // namespace lambda::csv_etl
