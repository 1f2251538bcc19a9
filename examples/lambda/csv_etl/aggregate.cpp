#include "csv_etl/aggregate.hpp"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>

#include "csv_etl/accumulator.hpp"
#include "csv_etl/decimal.hpp"
#include "csv_etl/header.hpp"
#include "csv_etl/row_cuts.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_etl {
namespace {

// Small enough to spread over many workers and to show progress, large enough that the cost of
// a part (two cuts, one task) doesn't count.
constexpr std::size_t bytes_per_part = 512 * 1024;

std::string reason_of(const BadRowFound& bad_row, const Header& header) {
  const std::string recovery_time{recovery_time_column};
  switch (bad_row.defect) {
    case RowDefect::none:
      break;
    case RowDefect::stray_quote:
      return "quote out of place";
    case RowDefect::field_count:
      return "expected " + std::to_string(header.field_count) + " fields, found " +
             std::to_string(bad_row.field);
    case RowDefect::invalid_utf8:
      return "not valid UTF-8";
    case RowDefect::empty_field: {
      const auto* const name = bad_row.field == header.hospital    ? "Hospital"
                               : bad_row.field == header.diagnosis ? "Diagnosis"
                               : bad_row.field == header.treatment ? "Treatment"
                                                                   : "Recovery Time";
      return std::string{name} + " is empty";
    }
    case RowDefect::not_a_number:
      return recovery_time + " is not a decimal number";
    case RowDefect::too_many_decimals:
      return recovery_time + " has more than 6 decimals";
    case RowDefect::out_of_range:
      return recovery_time + " is out of range";
  }
  return {};
}

// Lines are counted here, for the few rows that are reported, and not by the workers for all.
std::vector<BadRow> describe(std::string_view text, const Header& header,
                             const std::vector<BadRowFound>& found) {
  std::vector<BadRow> bad_rows;
  std::uint64_t line = 1;
  std::size_t at = 0;
  for (const auto& bad_row : found) {
    const auto skipped = text.substr(at, bad_row.offset - at);
    line += static_cast<std::uint64_t>(std::count(skipped.begin(), skipped.end(), '\n'));
    at = bad_row.offset;
    bad_rows.push_back({line, reason_of(bad_row, header), text::printable_excerpt(bad_row.text)});
  }
  return bad_rows;
}

// rank[id] is the position of the id's name in byte order.
std::vector<std::uint32_t> ranks(const Interner& interner) {
  const auto& names = interner.names();
  std::vector<std::uint32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return names[a] < names[b]; });
  std::vector<std::uint32_t> rank(names.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  return rank;
}

Group make_group(const Accumulator& total, std::span<const Cell> cells) {
  WideSum sum = 0;
  std::uint64_t rows = 0;
  const Cell* most_used = &cells.front();
  for (const auto& cell : cells) {
    sum += cell.sum_micros;
    rows += cell.rows;
    const bool wins_tie =
        cell.rows == most_used->rows && cell.first_offset < most_used->first_offset;
    if (cell.rows > most_used->rows || wins_tie) most_used = &cell;
  }
  return {std::string{total.diagnoses().names()[most_used->diagnosis]},
          std::string{total.hospitals().names()[most_used->hospital]}, rows,
          shortest_text(average(sum, rows)),
          std::string{total.treatments().names()[most_used->treatment]}};
}

std::vector<Group> make_groups(const Accumulator& total) {
  const auto diagnosis_rank = ranks(total.diagnoses());
  const auto hospital_rank = ranks(total.hospitals());
  const auto position = [&](const Cell& cell) {
    return (std::uint64_t{diagnosis_rank[cell.diagnosis]} << 32) | hospital_rank[cell.hospital];
  };
  auto cells = total.cells();
  std::sort(cells.begin(), cells.end(),
            [&](const Cell& a, const Cell& b) { return position(a) < position(b); });

  std::vector<Group> groups;
  for (auto first = cells.begin(); first != cells.end();) {
    const auto last = std::find_if(
        first, cells.end(), [&](const Cell& cell) { return position(cell) != position(*first); });
    groups.push_back(make_group(total, {first, last}));
    first = last;
  }
  return groups;
}

}  // namespace

Aggregate aggregate(std::string_view text, const AggregateOptions& options) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  const auto input_bytes = text.size();
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());

  const auto header = parse_header(text);
  const auto begin = header.body_begin;
  const auto size = text.size() - begin;
  const auto parts = options.parts != 0 ? options.parts : size / bytes_per_part + 1;

  // Equal shares, each moved on to the next row boundary.
  std::vector<std::size_t> wanted(parts + 1);
  const auto quotient = size / parts;
  const auto remainder = size % parts;
  for (std::size_t i = 0; i <= parts; ++i) {
    wanted[i] = begin + quotient * i + remainder * i / parts;
  }
  const auto traits = find_traits(text.substr(begin));
  const auto cuts = find_row_boundaries(text, begin, wanted, traits.has_quotes);

  const auto add_progress = [&](std::size_t bytes) {
    if (options.bytes_done == nullptr) return;
    options.bytes_done->fetch_add(bytes, std::memory_order_relaxed);  // read for display only
  };
  add_progress(input_bytes - size);

  // One accumulator per worker, not per part: they are few to merge, and which parts a worker
  // gets makes no difference to the merged result.
  tbb::enumerable_thread_specific<Accumulator> shares;
  tbb::parallel_for(std::size_t{0}, parts, [&](std::size_t part) {
    shares.local().add_part(text, cuts[part], cuts[part + 1], header, traits);
    add_progress(cuts[part + 1] - cuts[part]);
  });
  Accumulator total;
  for (const auto& share : shares) total.merge(share);

  return {make_groups(total), total.rows(), total.bad_rows(),
          describe(text, header, total.bad_row_samples())};
}

}  // namespace lambda::csv_etl
