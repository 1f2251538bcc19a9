#include "csv_etl/row_scanner.hpp"

namespace lambda::csv_etl {

std::string unescape(std::string_view raw) {
  std::string value;
  value.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    value += raw[i];
    if (raw[i] == quote) ++i;
  }
  return value;
}

void RowScanner::scan_quoted(Row& row) {
  row.offset = at_;
  row.field_count = 0;
  row.has_quotes = true;
  row.has_stray_quote = false;
  for (std::size_t begin = at_;;) {
    if (begin < end_ && text_[begin] == quote) {
      const auto run = find_quote_run(text_, begin, end_);
      if (const auto field_end = quoted_field_end(text_, run);
          field_end != std::string_view::npos) {
        const auto raw = text_.substr(begin + 1, field_end - begin - 2);
        const bool doubled = raw.find(quote) != std::string_view::npos;
        keep(row.field_count++, {raw, doubled});
        at_ = field_end;
      } else {
        at_ = std::string_view::npos;
      }
    } else {
      at_ = std::string_view::npos;
    }

    if (at_ == std::string_view::npos) {
      at_ = begin;
      while (at_ < end_ && text_[at_] != ',' && text_[at_] != '\n') ++at_;
      auto raw = text_.substr(begin, at_ - begin);
      const bool ends_row = at_ == end_ || text_[at_] == '\n';
      if (ends_row && raw.ends_with('\r')) raw.remove_suffix(1);
      if (raw.find(quote) != std::string_view::npos) row.has_stray_quote = true;
      keep(row.field_count++, {raw, false});
    }

    if (at_ < end_ && text_[at_] == ',') {
      begin = ++at_;
      continue;
    }
    // At the end of the row: in front of "\n", "\r\n" or nothing.
    row.text = text_.substr(row.offset, at_ - row.offset);
    if (row.text.ends_with('\r')) row.text.remove_suffix(1);
    if (at_ < end_ && text_[at_] == '\r') ++at_;
    if (at_ < end_ && text_[at_] == '\n') ++at_;
    return;
  }
}

}  // namespace lambda::csv_etl
