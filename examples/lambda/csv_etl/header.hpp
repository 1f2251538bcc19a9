/// The header row: where the rows begin and which fields of a row matter.
#pragma once

#include <cstddef>
#include <string_view>

namespace lambda::csv_etl {

struct Header {
  std::size_t body_begin = 0;  ///< Offset of the first row after the header.
  std::size_t field_count = 0;
  std::size_t hospital = 0;
  std::size_t diagnosis = 0;
  std::size_t treatment = 0;
  std::size_t recovery_time = 0;

  /// What ends a column's fields, if the lines end with nothing but LF.
  [[nodiscard]] char delimiter_of(std::size_t column) const noexcept {
    return column + 1 == field_count ? '\n' : ',';
  }
};

inline constexpr std::string_view recovery_time_column = "Recovery Time";

/// How many bytes of a byte order mark the text begins with: 3 or none.
[[nodiscard]] inline std::size_t byte_order_mark_size(std::string_view text) noexcept {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  return text.starts_with(mark) ? mark.size() : 0;
}

/// Throws InputError if there is none, if a column is missing or there twice.
[[nodiscard]] Header parse_header(std::string_view text);

}  // namespace lambda::csv_etl
