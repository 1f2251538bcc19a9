// The CSV reader: whatever the bytes, no fault, and the same result however the text is cut.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "check.hpp"
#include "csv_etl/aggregate.hpp"
#include "csv_etl/header.hpp"
#include "lambda/csv/plain_aggregate.hpp"
#include "text/utf8.hpp"

using namespace lambda::csv_etl;

namespace {

using Outcome = std::variant<Aggregate, std::string>;

Outcome outcome(std::string_view text, std::size_t parts) {
  try {
    return aggregate(text, {.parts = parts});
  } catch (const InputError& error) {
    return std::string{error.what()};
  }
}

void check(const Aggregate& result) {
  std::uint64_t rows = 0;
  for (const auto& group : result.groups) {
    rows += group.rows;
    fuzz::require(group.rows > 0, "no group is empty");
    fuzz::require(
        lambda::text::is_valid_utf8(group.diagnosis + group.hospital + group.most_used_treatment),
        "a name is UTF-8");
  }
  fuzz::require(rows == result.rows, "each good row is in one group");
  fuzz::require(result.bad_row_samples.size() <= max_bad_row_samples, "samples are bounded");
  fuzz::require(result.bad_row_samples.size() <= result.bad_rows, "a sample is a bad row");
  for (const auto& bad_row : result.bad_row_samples) {
    fuzz::require(lambda::text::is_valid_utf8(bad_row.text), "an excerpt is UTF-8");
    fuzz::require(bad_row.line > 1, "the first line is the header's");
  }
}

void check_against_reference(const std::string& text) {
  const auto [groups, bad_lines] = testing::plain_aggregate(text, {0, 1, 2, 3}, 4);
  const auto whole = outcome(text, 1);
  const auto* const result = std::get_if<Aggregate>(&whole);
  fuzz::require(result != nullptr, "a text with a header is read");
  fuzz::require(result->groups == groups, "the groups are those of the plain implementation");
  fuzz::require(result->bad_rows == bad_lines.size(), "the bad rows are, too");
  for (std::size_t i = 0; i < result->bad_row_samples.size(); ++i) {
    fuzz::require(result->bad_row_samples[i].line == bad_lines[i], "and their lines");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // In a block of its own, so that a read past the end is seen.
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string header = "Hospital,Diagnosis,Treatment,Recovery Time\n";
  for (const auto& text :
       {bytes, "Hospital,Diagnosis,Treatment,Recovery Time\nH,D,T,1\n" + bytes}) {
    const auto whole = outcome(text, 1);
    if (const auto* result = std::get_if<Aggregate>(&whole)) check(*result);
    for (const std::size_t parts : {2U, 5U}) {
      fuzz::require(outcome(text, parts) == whole, "no result depends on the cuts");
    }
  }
  // A BOM or zeros at the beginning say what the text is encoded in; here it begins with the
  // header.
  check_against_reference(header + bytes);
  return 0;
}
