#include "csv_transform/number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace lambda::csv_transform {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Up to 15 digits and a point: nearly every number. Both the digits and the power of ten are then
// whole numbers that a double holds, so the division rounds once and correctly.
bool parse_short(std::string_view text, double& value) {
  constexpr std::array<double, 16> powers{1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 16) return false;
  std::int64_t digits = 0;
  std::size_t count = 0;
  std::size_t decimals = 0;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(c)) return false;
    digits = digits * 10 + (c - '0');
    ++count;
    if (point) ++decimals;
  }
  if (count == 0 || count > 15) return false;
  value = static_cast<double>(digits) / powers[decimals];
  if (negative) value = -value;
  return true;
}

}  // namespace

Number parse_number(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.empty()) return {0, NumberError::empty};
  Number number;
  if (parse_short(text, number.value)) return number;
  // from_chars takes neither a plus, nor does it refuse "nan" and "inf".
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto first = text.starts_with('-') ? 1U : 0U;
  if (text.size() == first || !(is_digit(text[first]) || text[first] == '.')) {
    return {0, NumberError::not_a_number};
  }
  const char* const stop = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), stop, number.value);
  if (end != stop || error == std::errc::invalid_argument) return {0, NumberError::not_a_number};
  if (error != std::errc{}) return {0, NumberError::out_of_range};
  return number;
}

void append_number(std::string& out, double value) {
  std::array<char, 32> buffer{};  // the longest is -2.2250738585072014e-308
  const double size = std::abs(value);
  const bool is_plain = size == 0 || (size >= 1e-4 && size < 1e16);
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    is_plain ? std::chars_format::fixed : std::chars_format::scientific);
  out.append(buffer.data(), end);
}

}  // namespace lambda::csv_transform
