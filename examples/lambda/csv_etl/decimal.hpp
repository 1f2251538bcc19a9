/// Decimal numbers as exact integers: a sum of them doesn't depend on the order of its terms.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
[[nodiscard]] Decimal parse_decimal(std::string_view text) noexcept;

/// What a number of 0 to 6 decimals is a multiple of.
inline constexpr std::array<std::int64_t, 7> micros_by_decimals{
    micros_per_unit, 100'000, 10'000, 1'000, 100, 10, 1};

/// `digits[.digits]` of at most 8 bytes that end at `end`, which is nearly every number, all bytes
/// at once: false if it is anything else, which parse_decimal() then judges. Reads the 8 bytes
/// up to `end`, whatever stands before the number.
[[nodiscard]] inline bool parse_short_decimal(const char* end, std::size_t size,
                                              std::int64_t& micros) noexcept {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t zeros = 0x3030303030303030;
  std::uint64_t word = 0;
  std::memcpy(&word, end - sizeof word, sizeof word);
  // The last byte is the highest. Digits become 0 to 9, what stands before the number becomes 0.
  const auto beside = (0 - 8 * size) & 63U;
  word = ((word ^ zeros) >> beside) << beside;
  std::int64_t scale = micros_per_unit;
  const std::uint64_t point_or_more = word + 0x7676767676767676;
  if (((point_or_more | word) & 0x8080808080808080) != 0) {
    // A point is 0x1E now. The highest byte that isn't a digit must be one; it is taken out, and
    // what stands before it moves up.
    const auto bad = (point_or_more | word) & 0x8080808080808080;
    const auto at = (63U - static_cast<unsigned>(std::countl_zero(bad))) & ~7U;
    const auto decimals = (56U - at) / 8;
    const auto before = (std::uint64_t{1} << at) - 1;
    if (((word >> at) & 0xFF) != 0x1E || decimals > 6 || size == 1) return false;
    word = (word & ~(before << 8 | 0xFF)) | (word & before) << 8;
    if (((word + 0x7676767676767676) | word) & 0x8080808080808080) return false;
    scale = micros_by_decimals[decimals];
  }
  // Pairs, then fours, then all eight.
  word = word * 10 + (word >> 8);
  constexpr std::uint64_t pairs = 0x000000FF000000FF;
  word = (word & pairs) * 0x000F424000000064 + (word >> 16 & pairs) * 0x0000271000000001;
  micros = static_cast<std::int64_t>(word >> 32) * scale;
  return size - 1 < sizeof word;
}

/// The double nearest to sum / (count * 10^6), ties to even: rounded once, whatever the size of
/// the sum.
[[nodiscard]] double average(WideSum sum_micros, std::uint64_t count) noexcept;

/// The shortest decimal text (no exponent) that reads back as the same double.
[[nodiscard]] std::string shortest_text(double value);

}  // namespace lambda::csv_etl
