// Rows that can't be used: what is reported of them, and that nothing else suffers.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

const std::string header = "Hospital,Diagnosis,Treatment,Recovery Time\n";

// The bad row stands between two good ones, and those must count.
void check_bad_row(const std::string& bad, const std::string& reason, const std::string& text) {
  INFO("row: " << bad);
  const auto result = aggregate(header + "M,F,a,10\n" + bad + "\nM,F,a,20\n");
  CHECK(result.rows == 2);
  CHECK(result.bad_rows == 1);
  REQUIRE(result.bad_row_samples.size() == 1);
  CHECK(result.bad_row_samples[0] == BadRow{3, reason, text});
  REQUIRE(result.groups.size() == 1);
  CHECK(result.groups[0].average_recovery_time == "15");
}

}  // namespace

TEST_CASE("bad row: wrong number of fields") {
  check_bad_row("M,F,a", "expected 4 fields, found 3", "M,F,a");
  check_bad_row("M,F,a,1,", "expected 4 fields, found 5", "M,F,a,1,");
  check_bad_row("x", "expected 4 fields, found 1", "x");
  check_bad_row(" ", "expected 4 fields, found 1", " ");
  check_bad_row("\"M,F\",a,1", "expected 4 fields, found 3", "\"M,F\",a,1");
}

TEST_CASE("bad row: not a number") {
  for (const auto* time : {"x", "NaN", "inf", "-Infinity", "1e3", "0x1F", " 1", "1 000"}) {
    check_bad_row("M,F,a," + std::string{time}, "Recovery Time is not a decimal number", time);
  }
  check_bad_row("M,F,a,\"1,5\"", "Recovery Time is not a decimal number", "1,5");
  check_bad_row("M,F,a,\"1\"\"\"", "Recovery Time is not a decimal number", "1\"\"");
}

TEST_CASE("bad row: more decimals or digits than can be exact") {
  check_bad_row("M,F,a,1.2345678", "Recovery Time has more than 6 decimals", "1.2345678");
  check_bad_row("M,F,a,99999999999999", "Recovery Time is out of range", "99999999999999");
}

TEST_CASE("bad row: an empty field") {
  check_bad_row(",F,a,1", "Hospital is empty", ",F,a,1");
  check_bad_row("M,\"\",a,1", "Diagnosis is empty", "M,\"\",a,1");
  check_bad_row("M,F,,1", "Treatment is empty", "M,F,,1");
  check_bad_row("M,F,a,", "Recovery Time is empty", "M,F,a,");
}

TEST_CASE("bad row: a quote out of place") {
  check_bad_row("M,F,\"a\"b,1", "quote out of place", "M,F,\"a\"b,1");
  check_bad_row("M,F\"x,a,1", "quote out of place", "M,F\"x,a,1");
  check_bad_row("M,\"F,a,1", "quote out of place", "M,\"F,a,1");
}

TEST_CASE("bad row: invalid UTF-8, reported as valid UTF-8") {
  check_bad_row("M,F\xFF,a,1", "not valid UTF-8", "M,F\xEF\xBF\xBD,a,1");
}

TEST_CASE("bad row: the reported text is an excerpt") {
  const auto result = aggregate(header + std::string(1000, 'x') + '\n');
  REQUIRE(result.bad_row_samples.size() == 1);
  CHECK(result.bad_row_samples[0].text == std::string(120, 'x') + "\xE2\x80\xA6");
}

TEST_CASE("bad row: its line is the physical one, counted from 1 in the whole file") {
  const auto lines = [](const std::string& text, std::size_t parts) {
    std::vector<std::uint64_t> found;
    for (const auto& row : aggregate(text, {.parts = parts}).bad_row_samples) {
      found.push_back(row.line);
    }
    return found;
  };
  // Line 1 empty, header on 2, a row on 3 and 4, an empty line 5, bad 6, good 7, bad 8 and 9,
  // bad 10.
  const auto text = "\n" + header + "\"M\n\",F,a,1\n\nbad\nM,F,a,1\r\n\"b\na\"\r\nbad";
  for (std::size_t parts = 1; parts < 40; ++parts) {
    REQUIRE(lines(text, parts) == std::vector<std::uint64_t>{6, 8, 10});
  }
}

TEST_CASE("bad rows: all are counted, the first 20 of the file are reported") {
  std::string text = header;
  for (int i = 0; i < 5000; ++i) text += "M,F,a,1\nbad\n";
  for (const std::size_t parts : {1U, 2U, 7U, 100U}) {
    const auto result = aggregate(text, {.parts = parts});
    CHECK(result.rows == 5000);
    CHECK(result.bad_rows == 5000);
    REQUIRE(result.bad_row_samples.size() == max_bad_row_samples);
    for (std::size_t i = 0; i < max_bad_row_samples; ++i) {
      CHECK(result.bad_row_samples[i].line == 3 + 2 * i);
    }
  }
}
