/// The aggregation as plainly as it can be said: one character at a time, maps, no cuts, no
/// batches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "csv_etl/decimal.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_etl::testing {

struct PlainRow {
  std::vector<std::string> fields;
  std::string text;
  std::uint64_t line = 0;
  bool stray_quote = false;
};

// Past the closing quote of the field that the quote at `at` would open, 0 if that quote is stray.
inline std::size_t closed_field_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] != '"') continue;
    if (at + 1 < text.size() && text[at + 1] == '"') {
      ++at;
      continue;
    }
    const auto rest = text.substr(at + 1);
    const bool ends = rest.empty() || rest[0] == ',' || rest[0] == '\n' || rest == "\r" ||
                      rest.starts_with("\r\n");
    return ends ? at + 1 : 0;
  }
  return 0;
}

inline PlainRow read_row(std::string_view text, std::size_t& at, std::uint64_t& line) {
  PlainRow row;
  row.line = line;
  row.fields.emplace_back();
  bool at_field_begin = true;
  for (; at < text.size() && text[at] != '\n';) {
    if (at_field_begin && text[at] == '"') {
      if (const auto end = closed_field_end(text, at); end != 0) {
        for (auto i = at + 1; i + 1 < end; ++i) {
          row.fields.back() += text[i];
          if (text[i] == '"') ++i;
        }
        for (; at < end; ++at) {
          if (text[at] == '\n') ++line;
          row.text += text[at];
        }
        at_field_begin = false;
        continue;
      }
    }
    const char c = text[at++];
    row.text += c;
    if (c == '"') row.stray_quote = true;
    at_field_begin = c == ',';
    if (c == ',') {
      row.fields.emplace_back();
    } else {
      row.fields.back() += c;
    }
  }
  if (row.text.ends_with('\r')) {
    row.text.pop_back();
    if (row.fields.back().ends_with('\r')) row.fields.back().pop_back();
  }
  if (at < text.size()) {
    ++at;
    ++line;
  }
  return row;
}

struct PlainGroup {
  WideSum sum = 0;
  std::uint64_t rows = 0;
  std::vector<std::pair<std::string, std::uint64_t>> treatments;  // in order of appearance
};

// Groups, and the lines of all bad rows.
inline std::pair<std::vector<Group>, std::vector<std::uint64_t>> plain_aggregate(
    std::string_view text, const std::array<std::size_t, 4>& columns, std::size_t field_count) {
  std::size_t at = 0;
  std::uint64_t line = 1;
  static_cast<void>(read_row(text, at, line));
  std::map<std::pair<std::string, std::string>, PlainGroup> groups;
  std::vector<std::uint64_t> bad_lines;
  while (at < text.size()) {
    const auto row = read_row(text, at, line);
    if (row.text.empty()) continue;
    bool good = !row.stray_quote && row.fields.size() == field_count &&
                lambda::text::is_valid_utf8(row.text);
    for (const auto column : columns) good = good && !row.fields[column].empty();
    const auto time = good ? parse_decimal(row.fields[columns[3]]) : Decimal{};
    if (!good || time.error != DecimalError::none) {
      bad_lines.push_back(row.line);
      continue;
    }
    auto& group = groups[{row.fields[columns[1]], row.fields[columns[0]]}];
    group.sum += time.micros;
    ++group.rows;
    std::size_t i = 0;
    while (i < group.treatments.size() && group.treatments[i].first != row.fields[columns[2]]) ++i;
    if (i == group.treatments.size()) group.treatments.emplace_back(row.fields[columns[2]], 0);
    ++group.treatments[i].second;
  }
  std::vector<Group> found;
  for (const auto& [names, group] : groups) {
    std::size_t most = 0;
    for (std::size_t i = 1; i < group.treatments.size(); ++i) {
      if (group.treatments[i].second > group.treatments[most].second) most = i;
    }
    found.push_back({names.first, names.second, group.rows,
                     shortest_text(average(group.sum, group.rows)), group.treatments[most].first});
  }
  return {found, bad_lines};
}

}  // namespace lambda::csv_etl::testing
