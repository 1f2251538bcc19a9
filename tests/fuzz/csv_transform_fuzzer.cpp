// The CSV transformation: whatever the bytes, no fault, the same result however the text is cut,
// and an output that reads back.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "check.hpp"
#include "csv_transform/transform.hpp"
#include "text/utf8.hpp"

using namespace lambda::csv_transform;

namespace {

using Outcome = std::variant<Transformed, std::string>;

Outcome outcome(std::string_view text, const TransformOptions& options) {
  try {
    return transform(text, options, {});
  } catch (const InputError& error) {
    return std::string{error.what()};
  }
}

bool same(const Outcome& a, const Outcome& b) {
  if (a.index() != b.index()) return false;
  if (const auto* text = std::get_if<std::string>(&a)) return *text == std::get<std::string>(b);
  const auto& x = std::get<Transformed>(a);
  const auto& y = std::get<Transformed>(b);
  return x.output.view() == y.output.view() && x.rows == y.rows && x.bad_rows == y.bad_rows &&
         x.bad_row_samples == y.bad_row_samples && x.totals == y.totals;
}

void check_lines(const Transformed& result) {
  std::uint64_t rows = 0;
  std::uint64_t values = 0;
  std::uint64_t outliers = 0;
  for (auto left = result.output.view(); !left.empty(); ++rows) {
    const auto end = left.find('\n');
    fuzz::require(end != std::string_view::npos, "each line ends");
    const auto row = nlohmann::json::parse(left.substr(0, end));
    left.remove_prefix(end + 1);
    fuzz::require(row.size() == 6 && !row["id"].get<std::string>().empty(), "a row has its fields");
    fuzz::require(row["mean"].is_number() && row["median"].is_number(), "statistics are numbers");
    fuzz::require(row["std_dev"].get<double>() >= 0, "a standard deviation isn't negative");
    values += row["count"].get<std::uint64_t>();
    outliers += row["outliers"].size();
  }
  fuzz::require(rows == result.rows, "each good row has a line");
  fuzz::require(values == result.totals.values, "all values are counted");
  fuzz::require(outliers == result.totals.outliers, "all outliers are counted");
  fuzz::require(result.totals.min.has_value() == (rows > 0), "no rows, no least value");
}

// What is written as CSV is input as well: id and count, mean, median and standard deviation.
void check_csv(const Transformed& result) {
  std::string text{result.output.view()};
  fuzz::require(text.starts_with("id,count,mean,median,std_dev,outliers\n"), "a header");
  const auto again = outcome(text, {});
  const auto& read = std::get<Transformed>(again);
  fuzz::require(read.rows + read.bad_rows == result.rows, "each good row is a row again");
  // The outliers are a list, no number: a row is bad for its last field only.
  for (const auto& bad_row : read.bad_row_samples) {
    fuzz::require(lambda::text::is_valid_utf8(bad_row.text), "an excerpt is UTF-8");
    fuzz::require(bad_row.reason.find("quote") == std::string::npos &&
                      bad_row.reason.find("UTF-8") == std::string::npos,
                  "an id is quoted where it must be");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const bool has_header : {true, false}) {
    for (const auto format : {Format::csv, Format::json_lines}) {
      const auto whole = outcome(text, {has_header, format, 1});
      for (const std::size_t parts : {2U, 5U}) {
        fuzz::require(same(outcome(text, {has_header, format, parts}), whole),
                      "no result depends on the cuts");
      }
      const auto* const result = std::get_if<Transformed>(&whole);
      if (result == nullptr) continue;
      fuzz::require(result->bad_row_samples.size() <= result->bad_rows, "a sample is a bad row");
      if (format == Format::json_lines) {
        check_lines(*result);
      } else {
        check_csv(*result);
      }
    }
  }
  return 0;
}
