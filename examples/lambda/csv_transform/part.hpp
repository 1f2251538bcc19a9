/// One part of the text, as one worker transforms it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "csv_etl/row_cuts.hpp"
#include "csv_transform/transform.hpp"

namespace lambda::csv_transform {

enum class RowDefect {
  stray_quote,
  invalid_utf8,
  empty_id,
  no_values,
  empty_value,
  not_a_number,
  out_of_range,
  overflow
};

struct BadRowFound {
  std::uint64_t offset = 0;
  RowDefect defect = RowDefect::stray_quote;
  std::size_t field = 0;  ///< Index of the wrong field.
  std::string_view text;
};

struct Part {
  std::string output;
  std::uint64_t rows = 0;
  std::uint64_t bad_rows = 0;
  std::vector<BadRowFound> bad_row_samples;  ///< The first of the part; they view the text.
  Totals totals;
};

/// The rows in [begin, end), both row boundaries.
[[nodiscard]] Part transform_part(std::string_view text, std::size_t begin, std::size_t end,
                                  csv_etl::TextTraits traits, Format format);

}  // namespace lambda::csv_transform
