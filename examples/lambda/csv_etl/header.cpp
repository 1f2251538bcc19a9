#include "csv_etl/header.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "csv_etl/row_scanner.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_etl {
namespace {

constexpr std::string_view needed_columns = "Hospital,Diagnosis,Treatment,Recovery Time";

std::size_t find_column(const std::vector<std::string>& names, std::string_view wanted,
                        std::string_view header_text) {
  const auto found = std::find(names.begin(), names.end(), wanted);
  const auto quoted_name = '"' + std::string{wanted} + '"';
  if (found == names.end()) {
    throw InputError{"column " + quoted_name +
                     " is missing from the header: " + text::printable_excerpt(header_text)};
  }
  if (std::find(found + 1, names.end(), wanted) != names.end()) {
    throw InputError{"column " + quoted_name +
                     " is twice in the header: " + text::printable_excerpt(header_text)};
  }
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

Header parse_header(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw InputError{"the input is UTF-16, but must be UTF-8"};
  }

  // Twice, because only the first look tells how many fields to keep.
  Row row;
  if (!RowScanner{text, 0, text.size(), 0, true}.next(row)) {
    throw InputError{"the input is empty; it needs a header row with the columns " +
                     std::string{needed_columns}};
  }
  RowScanner scanner{text, 0, text.size(), row.field_count, true};
  static_cast<void>(scanner.next(row));
  if (row.has_stray_quote) {
    throw InputError{"the header has a quote out of place: " + text::printable_excerpt(row.text)};
  }

  std::vector<std::string> names;
  for (const auto& field : scanner.fields()) {
    names.push_back(field.has_doubled_quotes ? unescape(field.raw) : std::string{field.raw});
  }
  Header header;
  header.body_begin = scanner.position();
  header.field_count = row.field_count;
  header.hospital = find_column(names, "Hospital", row.text);
  header.diagnosis = find_column(names, "Diagnosis", row.text);
  header.treatment = find_column(names, "Treatment", row.text);
  header.recovery_time = find_column(names, recovery_time_column, row.text);
  return header;
}

}  // namespace lambda::csv_etl
