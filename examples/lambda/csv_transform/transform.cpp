#include "csv_transform/transform.hpp"

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <string>

#include "compute/stop.hpp"
#include "csv_etl/row_cuts.hpp"
#include "csv_etl/row_scanner.hpp"
#include "csv_transform/part.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_transform {
namespace {

// Small enough to spread over many workers and to stop soon, large enough that the cost of a part
// (two cuts, one task, one string) doesn't count.
constexpr std::size_t bytes_per_part = 256 * 1024;

constexpr std::string_view csv_header = "id,count,mean,median,std_dev,outliers\n";

std::string reason_of(const BadRowFound& bad_row) {
  const auto value = "value " + std::to_string(bad_row.field);
  switch (bad_row.defect) {
    case RowDefect::stray_quote:
      return "quote out of place";
    case RowDefect::invalid_utf8:
      return "not valid UTF-8";
    case RowDefect::empty_id:
      return "the id is empty";
    case RowDefect::no_values:
      return "no value after the id";
    case RowDefect::empty_value:
      return value + " is empty";
    case RowDefect::not_a_number:
      return value + " is not a decimal number";
    case RowDefect::out_of_range:
      return value + " is out of a double's range";
    case RowDefect::overflow:
      return "the values are too large for their statistics";
  }
  return {};
}

// Lines are counted here, for the few rows that are reported, and not by the workers for all.
std::vector<BadRow> describe(std::string_view text, const std::vector<BadRowFound>& found) {
  std::vector<BadRow> bad_rows;
  std::uint64_t line = 1;
  std::size_t at = 0;
  for (const auto& bad_row : found) {
    const auto skipped = text.substr(at, bad_row.offset - at);
    line += static_cast<std::uint64_t>(std::count(skipped.begin(), skipped.end(), '\n'));
    at = bad_row.offset;
    bad_rows.push_back({line, reason_of(bad_row), text::printable_excerpt(bad_row.text)});
  }
  return bad_rows;
}

// Where the rows of data begin.
std::size_t body_begin(std::string_view text, bool has_header) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw InputError{"the input is UTF-16, but must be UTF-8"};
  }
  csv_etl::Row row;
  csv_etl::RowScanner scanner{text, 0, text.size(), 0, true};
  if (!scanner.next(row)) {
    throw InputError{std::string{"the input is empty; it needs "} +
                     (has_header ? "a header row" : "rows") + " with an id and values"};
  }
  return has_header ? scanner.position() : 0;
}

// Equal shares, each moved on to the next row boundary.
std::vector<std::size_t> cut(std::string_view text, std::size_t begin, std::size_t parts,
                             bool has_quotes) {
  const auto size = text.size() - begin;
  std::vector<std::size_t> wanted(parts + 1);
  for (std::size_t i = 0; i <= parts; ++i) {
    wanted[i] = begin + size / parts * i + size % parts * i / parts;
  }
  return csv_etl::find_row_boundaries(text, begin, wanted, has_quotes);
}

void add(Totals& totals, const Totals& other) {
  totals.values += other.values;
  totals.outliers += other.outliers;
  if (other.min) totals.min = std::min(totals.min.value_or(*other.min), *other.min);
  if (other.max) totals.max = std::max(totals.max.value_or(*other.max), *other.max);
}

io::Bytes joined(std::string_view header, const std::vector<Part>& parts) {
  std::vector<std::size_t> begins;
  std::size_t size = header.size();
  for (const auto& part : parts) {
    begins.push_back(size);
    size += part.output.size();
  }
  io::Bytes output{size};
  std::copy(header.begin(), header.end(), output.data());
  tbb::parallel_for(std::size_t{0}, parts.size(), [&](std::size_t i) {
    std::copy(parts[i].output.begin(), parts[i].output.end(), output.data() + begins[i]);
  });
  return output;
}

}  // namespace

Transformed transform(std::string_view text, const TransformOptions& options,
                      const std::stop_token& stop) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());

  const auto begin = body_begin(text, options.has_header);
  const auto traits = csv_etl::find_traits(text.substr(begin));
  const auto count =
      options.parts != 0 ? options.parts : (text.size() - begin) / bytes_per_part + 1;
  const auto cuts = cut(text, begin, count, traits.has_quotes);

  std::vector<Part> parts(count);
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
    if (stop.stop_requested()) return;
    parts[i] = transform_part(text, cuts[i], cuts[i + 1], traits, options.format);
  });
  compute::throw_if_stopped(stop);

  Transformed result;
  std::vector<BadRowFound> found;
  for (const auto& part : parts) {
    result.rows += part.rows;
    result.bad_rows += part.bad_rows;
    add(result.totals, part.totals);
    found.insert(found.end(), part.bad_row_samples.begin(), part.bad_row_samples.end());
  }
  if (found.size() > csv_etl::max_bad_row_samples) found.resize(csv_etl::max_bad_row_samples);
  result.bad_row_samples = describe(text, found);
  result.output = joined(options.format == Format::csv ? csv_header : "", parts);
  return result;
}

}  // namespace lambda::csv_transform
