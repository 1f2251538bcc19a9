#include "csv_etl/row_cuts.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "csv_etl/row_scanner.hpp"
#include "lambda/csv/plain_aggregate.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

// The rule of quotes.hpp: past the closing quote of the field that the quote at `at` would open, or
// 0 if that quote is stray.
std::size_t quoted_end(std::string_view text, std::size_t at) {
  if (at > 0 && text[at - 1] != ',' && text[at - 1] != '\n') return 0;
  return testing::closed_field_end(text, at);
}

std::vector<std::size_t> all_boundaries(std::string_view text) {
  std::vector<std::size_t> boundaries{0};
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      const auto end = quoted_end(text, at);
      // A stray run is stray as a whole: its second quote doesn't begin a field either.
      at = end != 0 ? end : at + 1;
    } else if (text[at++] == '\n') {
      boundaries.push_back(at);
    }
  }
  if (boundaries.back() != text.size()) boundaries.push_back(text.size());
  return boundaries;
}

std::vector<std::size_t> expected_cuts(std::string_view text,
                                       const std::vector<std::size_t>& wanted) {
  const auto boundaries = all_boundaries(text);
  std::vector<std::size_t> cuts;
  for (const auto position : wanted) {
    cuts.push_back(*std::lower_bound(boundaries.begin(), boundaries.end(), position));
  }
  return cuts;
}

void check_every_cut(std::string_view text) {
  INFO("text: " << text);
  const bool has_quotes = text.find('"') != std::string_view::npos;
  std::vector<std::size_t> every;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    every.push_back(at);
    const std::vector<std::size_t> one{at};
    REQUIRE(find_row_boundaries(text, 0, one, has_quotes) == expected_cuts(text, one));
    REQUIRE(find_row_boundaries(text, 0, one, true) == expected_cuts(text, one));
  }
  REQUIRE(find_row_boundaries(text, 0, every, has_quotes) == expected_cuts(text, every));
}

}  // namespace

TEST_CASE("cuts: at every position of a text without quotes") {
  check_every_cut("");
  check_every_cut("a,b\nc,d\n");
  check_every_cut("a,b\r\n\r\nc,d");
}

TEST_CASE("cuts: at every position of a text with quoted newlines") {
  check_every_cut("a,\"b\nb\",c\n\"d\nd\n\",e\nf,g,\"\n\"\n");
  check_every_cut("\"a\"\"\n\"\"b\",\"\"\"\n\"\"\"\r\nc,\"\",\"\"\"\"\n");
}

TEST_CASE("cuts: a stray quote doesn't turn what follows inside out") {
  check_every_cut("a\"b,c\n\"d\nd\",e\nf,g\n");
  check_every_cut("\"a\"x,c\n\"d\nd\",e\nf,g\n");
  check_every_cut("a,\"b\nc,d\ne,f\n");
  check_every_cut("a,\"b\nc,d\n\"e\ne\",f\n");
}

TEST_CASE("cuts: at every position of random texts over the characters that matter") {
  std::mt19937 random{20240229};
  constexpr std::string_view alphabet = "\"\"\"\",,\n\n\ra";
  for (int i = 0; i < 1500; ++i) {
    std::string text(random() % 40, ' ');
    for (auto& c : text) c = alphabet[random() % alphabet.size()];
    check_every_cut(text);
  }
}

TEST_CASE("cuts: any set of positions gives the same boundaries as one at a time") {
  std::mt19937 random{7};
  constexpr std::string_view alphabet = "\"\"\"\",,\n\n\ra";
  for (int i = 0; i < 500; ++i) {
    std::string text(20 + random() % 200, ' ');
    for (auto& c : text) c = alphabet[random() % alphabet.size()];
    std::vector<std::size_t> wanted(1 + random() % 12);
    for (auto& at : wanted) at = random() % (text.size() + 1);
    std::sort(wanted.begin(), wanted.end());
    INFO("text: " << text);
    REQUIRE(find_row_boundaries(text, 0, wanted, true) == expected_cuts(text, wanted));
  }
}

TEST_CASE("cuts: the row scanner sees the same rows whether it scans the whole or the parts") {
  std::mt19937 random{11};
  constexpr std::string_view alphabet = "\"\"\",,\n\n\rab";
  const auto rows = [](std::string_view text, std::size_t begin, std::size_t end) {
    std::vector<std::string> found;
    RowScanner scanner{text, begin, end, 4, true};
    for (Row row; scanner.next(row);) found.emplace_back(row.text);
    return found;
  };
  for (int i = 0; i < 1500; ++i) {
    std::string text(random() % 60, ' ');
    for (auto& c : text) c = alphabet[random() % alphabet.size()];
    const std::vector<std::size_t> wanted{random() % (text.size() + 1)};
    const auto cut = find_row_boundaries(text, 0, wanted, true).front();
    auto parts = rows(text, 0, cut);
    const auto second = rows(text, cut, text.size());
    parts.insert(parts.end(), second.begin(), second.end());
    INFO("text: " << text << "\ncut at " << cut);
    REQUIRE(parts == rows(text, 0, text.size()));
  }
}

TEST_CASE("traits: a single quote or a single byte beyond ASCII is seen wherever it is") {
  for (const std::size_t size : {1U, 63U, 64U, 65U, 200U}) {
    CHECK_FALSE(find_traits(std::string(size, 'x')).has_quotes);
    CHECK_FALSE(find_traits(std::string(size, 'x')).has_non_ascii);
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '"';
      REQUIRE(find_traits(text).has_quotes);
      text[at] = '\x80';
      REQUIRE(find_traits(text).has_non_ascii);
      REQUIRE_FALSE(find_traits(text).has_quotes);
    }
  }
}
