/// The header that says which part of an object an answer holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lambda::aws {

struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;   ///< Included.
  std::uint64_t total = 0;  ///< Of the whole object.

  [[nodiscard]] bool operator==(const ContentRange&) const = default;
};

/// `bytes FIRST-LAST/TOTAL`; nothing if it is anything else.
[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view header);

/// `bytes=FIRST-LAST`, as the header `Range` has it.
[[nodiscard]] std::string range_header(std::uint64_t first, std::uint64_t last);

}  // namespace lambda::aws
