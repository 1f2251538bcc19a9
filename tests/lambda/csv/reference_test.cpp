// Random files against a plain implementation: one character at a time, maps, no cuts, no batches.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "csv_etl/decimal.hpp"
#include "support/catch.hpp"
#include "text/utf8.hpp"

using namespace lambda::csv_etl;

namespace {

struct PlainRow {
  std::vector<std::string> fields;
  std::string text;
  std::uint64_t line = 0;
  bool stray_quote = false;
};

// Past the closing quote of the field that the quote at `at` would open, 0 if that quote is stray.
std::size_t closed_field_end(std::string_view text, std::size_t at) {
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

PlainRow read_row(std::string_view text, std::size_t& at, std::uint64_t& line) {
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
std::pair<std::vector<Group>, std::vector<std::uint64_t>> plain_aggregate(
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

struct Shape {
  std::array<std::size_t, 4> columns;  // hospital, diagnosis, treatment, recovery time
  std::size_t field_count;
  std::size_t names;  // of each column
  unsigned oddities;  // one row in so many has one
  bool crlf;
};

std::string random_text(std::mt19937& random, const Shape& shape, std::size_t rows) {
  const std::array<std::string, 4> titles{"Hospital", "Diagnosis", "Treatment", "Recovery Time"};
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  const auto name = [&](char prefix) -> std::string {
    const auto number = std::to_string(random() % shape.names);
    // Of 1 to 40 bytes, so that some are shorter than a word and some too long to be compared at
    // once; a third holds characters beyond ASCII.
    const auto size = std::hash<std::string>{}(number + prefix) % 40;
    const std::string filler = size % 3 == 0 ? "\xC3\xBC" : size % 3 == 1 ? "x" : " y";
    std::string text = prefix + number;
    while (text.size() < size) text += filler;
    return text;
  };
  const auto odd = [&]() -> std::string {
    static const std::vector<std::string> fields{
        "",          "\"a\"",    "\"a\nb\"",  "\"a\"\"b\"", "\"b,\"",    "\xFF", "a\"b", "\"a",
        "\"a\"x",    "a\rb",     "a,b",       "\"\"",       "\n",        "-1.5", "1e3",  ".5",
        "\"D1\nx\"", "12345678", "123456789", "1.123456",   "1.1234567", "+7",   "5.",   "."};
    return fields[random() % fields.size()];
  };
  const auto time = [&]() -> std::string {
    const auto whole = std::to_string(random() % (one_in(5) ? 100'000'000 : 70));
    return one_in(3) ? whole + '.' + std::to_string(random() % 1000) : whole;
  };
  std::string text;
  for (std::size_t row = 0; row <= rows; ++row) {
    std::vector<std::string> fields(shape.field_count, "note");
    for (std::size_t i = 0; i < 4; ++i) {
      fields[shape.columns[i]] = row == 0 ? titles[i] : i == 3 ? time() : name("HDT"[i]);
    }
    if (row != 0 && one_in(shape.oddities)) fields[random() % fields.size()] = odd();
    for (std::size_t i = 0; i < fields.size(); ++i) text += (i == 0 ? "" : ",") + fields[i];
    if (row != rows || one_in(2)) text += shape.crlf != one_in(50) ? "\r\n" : "\n";
    if (row != 0 && one_in(200)) text += "\n";
  }
  return text;
}

void check_against_reference(const std::string& text, const Shape& shape) {
  const auto [groups, bad_lines] = plain_aggregate(text, shape.columns, shape.field_count);
  for (const std::size_t parts : {1U, 2U, 3U, 17U}) {
    for (const int workers : {1, 3}) {
      tbb::task_arena arena{workers};
      const auto result = arena.execute([&] { return aggregate(text, {.parts = parts}); });
      INFO("parts: " << parts << ", workers: " << workers << "\ntext: " << text.substr(0, 4000));
      REQUIRE(result.groups == groups);
      REQUIRE(result.bad_rows == bad_lines.size());
      const auto samples = std::min(bad_lines.size(), max_bad_row_samples);
      REQUIRE(result.bad_row_samples.size() == samples);
      for (std::size_t i = 0; i < samples; ++i) {
        REQUIRE(result.bad_row_samples[i].line == bad_lines[i]);
      }
    }
  }
}

}  // namespace

TEST_CASE("reference: random files give what a plain implementation gives") {
  const tbb::global_control threads{tbb::global_control::max_allowed_parallelism, 4};
  const std::vector<std::pair<std::array<std::size_t, 4>, std::size_t>> orders{
      {{0, 1, 2, 3}, 4},
      {{0, 1, 2, 3}, 5},
      {{3, 1, 2, 0}, 4},
      {{5, 0, 3, 1}, 7},
      {{2, 40, 70, 1}, 80}};
  std::mt19937 random{20261120};
  for (int round = 0; round < 12; ++round) {
    for (const auto& [columns, field_count] : orders) {
      for (const std::size_t names : {2U, 12U, 90U}) {
        // Hardly odd, so that long runs of plain rows occur, and very odd.
        const Shape shape{columns, field_count, names, round % 3 == 0 ? 4U : 60U, round % 2 == 0};
        check_against_reference(random_text(random, shape, random() % 300), shape);
      }
    }
  }
}

TEST_CASE("reference: more names and pairs than have numbers and lines") {
  std::mt19937 random{3};
  const Shape shape{{0, 1, 2, 3}, 4, 400, 100, false};
  check_against_reference(random_text(random, shape, 20'000), shape);
}

TEST_CASE("reference: quotes that begin late in a file and hold newlines at the cuts") {
  std::mt19937 random{4};
  const Shape shape{{0, 1, 2, 3}, 4, 12, 1'000'000, false};
  auto text = random_text(random, shape, 4000);
  REQUIRE(text.size() > 64 * 1024);
  REQUIRE(text.find('"') == std::string::npos);
  if (text.back() != '\n') text += '\n';
  for (int i = 0; i < 300; ++i) {
    text += "H1,\"D1\n";
    for (int lines = 0; lines < 60; ++lines) text += "H2,D2,T2,5\n";
    text += "\",T1,7\n";
  }
  check_against_reference(text, shape);
}
