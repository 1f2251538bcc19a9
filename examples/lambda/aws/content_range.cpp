#include "aws/content_range.hpp"

#include <charconv>

namespace lambda::aws {
namespace {

// Takes a number and the character behind it off the front.
std::optional<std::uint64_t> take_number(std::string_view& text, char behind) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || (behind == '\0' ? stop != end : stop == end || *stop != behind)) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()) + (behind == '\0' ? 0 : 1));
  return number;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view header) {
  constexpr std::string_view unit = "bytes ";
  if (!header.starts_with(unit)) return std::nullopt;
  header.remove_prefix(unit.size());
  const auto first = take_number(header, '-');
  if (!first) return std::nullopt;
  const auto last = take_number(header, '/');
  if (!last) return std::nullopt;
  const auto total = take_number(header, '\0');
  if (!total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

std::string range_header(std::uint64_t first, std::uint64_t last) {
  return "bytes=" + std::to_string(first) + '-' + std::to_string(last);
}

}  // namespace lambda::aws
