/// Cuts a CSV text at row boundaries, in parallel, although a newline may stand inside quotes.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace lambda::csv_etl {

/// What one parallel look at every byte tells.
struct TextTraits {
  bool has_quotes = false;
  bool has_non_ascii = false;
};

[[nodiscard]] TextTraits find_traits(std::string_view text);

/// For each position of `wanted` (ascending, none below `begin`, none above the size) the first
/// row boundary at or after it: the beginning of a row, or the end of the text.
///
/// `begin` must be a row boundary. The result is exactly where a scan from `begin` on would find
/// the boundaries, whatever the positions are; the .cpp says why.
[[nodiscard]] std::vector<std::size_t> find_row_boundaries(std::string_view text, std::size_t begin,
                                                           std::span<const std::size_t> wanted,
                                                           bool has_quotes);

}  // namespace lambda::csv_etl
