/// One worker's share of the aggregation. Shares can be merged in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "csv_etl/decimal.hpp"
#include "csv_etl/header.hpp"
#include "csv_etl/interner.hpp"
#include "csv_etl/row_cuts.hpp"
#include "csv_etl/row_scanner.hpp"

namespace lambda::csv_etl {

/// All rows with one diagnosis, hospital and treatment. Sum, count and smallest offset don't
/// depend on the order in which rows or shares come in, and from them everything follows.
struct Cell {
  std::uint32_t diagnosis = 0;
  std::uint32_t hospital = 0;
  std::uint32_t treatment = 0;
  WideSum sum_micros = 0;
  std::uint64_t rows = 0;
  std::uint64_t first_offset = 0;
};

enum class RowDefect {
  none,
  stray_quote,
  field_count,
  invalid_utf8,
  empty_field,
  not_a_number,
  too_many_decimals,
  out_of_range
};

struct BadRowFound {
  std::uint64_t offset = 0;
  RowDefect defect = RowDefect::none;
  std::size_t field = 0;  ///< Index of the wrong field, or the number of fields there are.
  std::string_view text;
};

class Accumulator {
 public:
  /// Adds the rows in [begin, end), both row boundaries. Keeps views of `text`.
  void add_part(std::string_view text, std::size_t begin, std::size_t end, const Header& header,
                TextTraits traits);

  void merge(const Accumulator& other);

  [[nodiscard]] const std::vector<Cell>& cells() const noexcept { return cells_; }
  [[nodiscard]] const Interner& diagnoses() const noexcept { return diagnoses_; }
  [[nodiscard]] const Interner& hospitals() const noexcept { return hospitals_; }
  [[nodiscard]] const Interner& treatments() const noexcept { return treatments_; }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t bad_rows() const noexcept { return bad_rows_; }
  [[nodiscard]] const std::vector<BadRowFound>& bad_row_samples() const noexcept {
    return bad_row_samples_;
  }

 private:
  [[nodiscard]] Cell& cell(std::uint32_t diagnosis, std::uint32_t hospital, std::uint32_t treatment,
                           std::uint64_t offset);
  void add_bad_row(const BadRowFound& bad_row);
  void keep_first_samples();

  Interner diagnoses_;
  Interner hospitals_;
  Interner treatments_;
  IndexTable cell_table_;
  std::vector<Cell> cells_;
  std::uint64_t rows_ = 0;
  std::uint64_t bad_rows_ = 0;
  std::vector<BadRowFound> bad_row_samples_;
};

}  // namespace lambda::csv_etl
