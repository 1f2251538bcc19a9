/// One worker's share of the aggregation. Shares can be merged in any order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csv_etl/dense_cells.hpp"
#include "csv_etl/header.hpp"
#include "csv_etl/interner.hpp"
#include "csv_etl/plain_rows.hpp"
#include "csv_etl/row_scanner.hpp"
#include "csv_etl/short_names.hpp"

namespace lambda::csv_etl {

/// The totals of one diagnosis, hospital and treatment, given by their ids.
struct Cell {
  std::uint32_t diagnosis = 0;
  std::uint32_t hospital = 0;
  std::uint32_t treatment = 0;
  CellTotals totals;
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

/// All names of a column. The first short ones have a number as well as an id.
class ColumnNames {
 public:
  explicit ColumnNames(ShortNames& short_names) : short_names_(&short_names) {}

  [[nodiscard]] std::uint32_t intern(std::string_view name) {
    return numbered(names_.intern(name));
  }
  [[nodiscard]] std::uint32_t intern_copy(std::string name) {
    return numbered(names_.intern_copy(std::move(name)));
  }

  [[nodiscard]] const std::vector<std::string_view>& names() const noexcept {
    return names_.names();
  }
  /// 0 if it has none.
  [[nodiscard]] ShortNames::Number number(std::uint32_t id) const { return numbers_[id]; }
  [[nodiscard]] std::uint32_t id(ShortNames::Number number) const { return ids_[number]; }

 private:
  std::uint32_t numbered(std::uint32_t id) {
    if (id == numbers_.size()) {
      numbers_.push_back(short_names_->add(names_.names()[id]));
      ids_[numbers_.back()] = id;
    }
    return id;
  }

  ShortNames* short_names_;
  Interner names_;
  std::vector<ShortNames::Number> numbers_;  // by id
  std::array<std::uint32_t, ShortNames::max_names + 1> ids_{};
};

class Accumulator {
 public:
  /// The header of the text, or of the texts if they are parts of one.
  explicit Accumulator(const Header& header);

  /// Adds the rows in [begin, end), both row boundaries behind the header. Keeps views of `text`.
  void add_part(std::string_view text, std::size_t begin, std::size_t end);

  void merge(const Accumulator& other);

  /// Each combination once, in no particular order.
  [[nodiscard]] std::vector<Cell> cells() const;
  [[nodiscard]] const ColumnNames& diagnoses() const noexcept { return diagnoses_; }
  [[nodiscard]] const ColumnNames& hospitals() const noexcept { return hospitals_; }
  [[nodiscard]] const ColumnNames& treatments() const noexcept { return treatments_; }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t bad_rows() const noexcept { return bad_rows_; }
  [[nodiscard]] bool saw_quotes() const noexcept { return saw_quotes_; }
  [[nodiscard]] const std::vector<BadRowFound>& bad_row_samples() const noexcept {
    return bad_row_samples_;
  }

 private:
  bool add_next_row(RowScanner& scanner);
  [[nodiscard]] CellTotals& cell(std::uint32_t diagnosis, std::uint32_t hospital,
                                 std::uint32_t treatment);
  void add_bad_row(const BadRowFound& bad_row);
  void keep_first_samples();

  Header header_;
  std::unique_ptr<KnownNames> known_;
  ColumnNames diagnoses_;
  ColumnNames hospitals_;
  ColumnNames treatments_;
  DenseCells dense_cells_;  // of the names that have numbers, as long as they fit
  IndexTable hashed_table_;
  std::vector<Cell> hashed_cells_;
  std::uint64_t rows_ = 0;
  std::uint64_t bad_rows_ = 0;
  bool saw_quotes_ = false;
  std::vector<BadRowFound> bad_row_samples_;
};

}  // namespace lambda::csv_etl
