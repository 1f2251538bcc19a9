/// Splits a part of a CSV text into rows and fields (RFC 4180, with the rule of quotes.hpp).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csv_etl/quotes.hpp"

namespace lambda::csv_etl {

/// A field without its enclosing quotes. Points into the text: only a field with doubled quotes
/// has a value that isn't there as it is, and most of those are never asked for it.
struct Field {
  std::string_view raw;
  bool has_doubled_quotes = false;
};

/// `raw` with each doubled quote as one.
[[nodiscard]] std::string unescape(std::string_view raw);

struct Row {
  std::size_t offset = 0;  ///< Of its first byte in the text.
  std::string_view text;   ///< Without the end of the line.
  std::size_t field_count = 0;
  bool has_quotes = false;
  bool has_stray_quote = false;
};

/// Rows end with LF or CRLF, the last one with neither if it likes; a line without a byte in it
/// is no row. A carriage return anywhere else is an ordinary character.
class RowScanner {
 public:
  /// Scans the rows in [begin, end) of `text`; both must be row boundaries. Of each row the first
  /// `max_fields` fields are kept. `may_have_quotes = false` promises that there is none.
  RowScanner(std::string_view text, std::size_t begin, std::size_t end, std::size_t max_fields,
             bool may_have_quotes)
      : text_(text),
        at_(begin),
        end_(end),
        may_have_quotes_(may_have_quotes),
        fields_(max_fields) {}

  /// False after the last row.
  [[nodiscard]] bool next(Row& row) {
    while (at_ < end_) {
      const std::size_t begin = at_;
      const std::size_t newline = find_byte(text_, '\n', begin, end_);
      const bool is_last = newline == std::string_view::npos;
      std::size_t stop = is_last ? end_ : newline;
      if (may_have_quotes_ && find_byte(text_, quote, begin, stop) != std::string_view::npos) {
        scan_quoted(row);
        return true;
      }
      at_ = is_last ? end_ : newline + 1;
      if (stop > begin && text_[stop - 1] == '\r') --stop;
      if (stop == begin) continue;
      row.offset = begin;
      row.text = text_.substr(begin, stop - begin);
      row.has_quotes = false;
      row.has_stray_quote = false;
      row.field_count = split_plain(begin, stop);
      return true;
    }
    return false;
  }

  /// Goes on at `at`, a row boundary.
  void seek(std::size_t at) noexcept { at_ = at; }

  /// Where the row after the last one begins.
  [[nodiscard]] std::size_t position() const noexcept { return at_; }

  /// Of the row that next() gave last; only the first field_count of them mean anything.
  [[nodiscard]] std::span<const Field> fields() const noexcept { return fields_; }

 private:
  std::size_t split_plain(std::size_t begin, std::size_t stop) {
    std::size_t count = 0;
    for (;;) {
      const std::size_t comma = find_byte(text_, ',', begin, stop);
      const std::size_t field_end = comma == std::string_view::npos ? stop : comma;
      keep(count++, {text_.substr(begin, field_end - begin), false});
      if (comma == std::string_view::npos) return count;
      begin = comma + 1;
    }
  }

  void scan_quoted(Row& row);

  void keep(std::size_t index, const Field& field) {
    if (index < fields_.size()) fields_[index] = field;
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t end_;
  bool may_have_quotes_;
  std::vector<Field> fields_;
};

}  // namespace lambda::csv_etl
