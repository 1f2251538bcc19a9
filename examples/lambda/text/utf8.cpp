#include "text/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace lambda::text {
namespace {

// Length of the valid sequence at the front, 0 if there is none. The second byte's narrower
// range for some first bytes is what excludes overlong forms, surrogates and > U+10FFFF
// (Unicode standard, table 3-7).
std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return continues(1) ? 2 : 0;
  if (first < 0xF0) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (first > 0xF4) return 0;
  const unsigned low = first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
  return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
}

// Would end the line, or do something to a terminal.
bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7F;
}

}  // namespace

bool is_valid_utf8(std::string_view text) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  while (!text.empty()) {
    std::uint64_t word = 0;
    while (text.size() >= sizeof word) {
      std::memcpy(&word, text.data(), sizeof word);
      if ((word & high_bits) != 0) break;
      text.remove_prefix(sizeof word);
    }
    if (text.empty()) break;
    const auto length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable_excerpt(std::string_view text, std::size_t max_bytes) {
  std::string excerpt;
  while (!text.empty()) {
    const auto length = sequence_length(text);
    const auto character = length == 0                ? std::string_view{"\xEF\xBF\xBD"}
                           : is_control(text.front()) ? std::string_view{" "}
                                                      : text.substr(0, length);
    if (excerpt.size() + character.size() > max_bytes) return excerpt + "\xE2\x80\xA6";
    excerpt += character;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return excerpt;
}

}  // namespace lambda::text
