#include "csv_etl/summary.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "csv_etl/decimal.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_etl {
namespace {

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
std::vector<std::uint32_t> ranks(const ColumnNames& column) {
  const auto& names = column.names();
  std::vector<std::uint32_t> order(names.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return names[a] < names[b]; });
  std::vector<std::uint32_t> rank(names.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  return rank;
}

// A stable counting sort: two of them, by hospital and then by diagnosis, put all cells in order
// in linear time.
template <class RankOf>
std::vector<const Cell*> sorted_by(const std::vector<const Cell*>& cells, std::size_t ranks,
                                   RankOf&& rank_of) {
  std::vector<std::size_t> place(ranks + 1);
  for (const auto* cell : cells) ++place[rank_of(*cell) + 1];
  std::partial_sum(place.begin(), place.end(), place.begin());
  std::vector<const Cell*> sorted(cells.size());
  for (const auto* cell : cells) sorted[place[rank_of(*cell)]++] = cell;
  return sorted;
}

Group make_group(const Accumulator& total, std::span<const Cell* const> cells) {
  CellTotals sums;
  const Cell* most_used = cells.front();
  for (const auto* cell : cells) {
    sums.add(cell->totals);
    const auto& best = most_used->totals;
    const bool wins_tie =
        cell->totals.rows == best.rows && cell->totals.first_offset < best.first_offset;
    if (cell->totals.rows > best.rows || wins_tie) most_used = cell;
  }
  return {std::string{total.diagnoses().names()[most_used->diagnosis]},
          std::string{total.hospitals().names()[most_used->hospital]}, sums.rows,
          shortest_text(average(sums.sum_micros, sums.rows)),
          std::string{total.treatments().names()[most_used->treatment]}};
}

std::vector<Group> make_groups(const Accumulator& total) {
  const auto cells = total.cells();
  std::vector<const Cell*> order(cells.size());
  std::transform(cells.begin(), cells.end(), order.begin(), [](const Cell& cell) { return &cell; });
  const auto hospital_rank = ranks(total.hospitals());
  order = sorted_by(order, hospital_rank.size(),
                    [&](const Cell& cell) { return hospital_rank[cell.hospital]; });
  const auto diagnosis_rank = ranks(total.diagnoses());
  order = sorted_by(order, diagnosis_rank.size(),
                    [&](const Cell& cell) { return diagnosis_rank[cell.diagnosis]; });

  std::vector<Group> groups;
  for (auto first = order.begin(); first != order.end();) {
    const auto last = std::find_if(first, order.end(), [&](const Cell* cell) {
      return cell->diagnosis != (*first)->diagnosis || cell->hospital != (*first)->hospital;
    });
    groups.push_back(make_group(total, {first, last}));
    first = last;
  }
  return groups;
}

}  // namespace

Aggregate summarise(const Accumulator& total, std::string_view text, const Header& header) {
  return {make_groups(total), total.rows(), total.bad_rows(),
          describe(text, header, total.bad_row_samples())};
}

}  // namespace lambda::csv_etl
