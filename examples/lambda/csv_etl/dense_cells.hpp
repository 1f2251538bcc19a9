/// The sums of the names that ShortNames numbers, where two loads find them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "csv_etl/decimal.hpp"

namespace lambda::csv_etl {

/// What is known of all rows with one diagnosis, hospital and treatment. It doesn't depend on the
/// order in which they come in, and everything follows from it.
struct CellTotals {
  WideSum sum_micros = 0;
  std::uint64_t rows = 0;
  std::uint64_t first_offset = std::numeric_limits<std::uint64_t>::max();

  void add(std::int64_t micros, std::uint64_t offset) noexcept {
    sum_micros += micros;
    rows += 1;
    first_offset = offset < first_offset ? offset : first_offset;
  }

  void add(const CellTotals& other) noexcept {
    sum_micros += other.sum_micros;
    rows += other.rows;
    first_offset = other.first_offset < first_offset ? other.first_offset : first_offset;
  }
};

/// A line of cells, one per treatment, for each pair of a diagnosis and a hospital that was seen.
class DenseCells {
 public:
  using Number = std::uint8_t;

  /// The line of a pair, 0 if it has none yet. Only for hospital 0 and those that
  /// find_or_insert() was asked for before.
  [[nodiscard]] std::uint32_t line(Number diagnosis, Number hospital) const noexcept {
    return lines_[(std::size_t{hospital} << 8) | diagnosis];
  }

  /// Only for a line other than 0 and a treatment below width().
  [[nodiscard]] CellTotals& at(std::uint32_t line, Number treatment) noexcept {
    return cells_[(std::size_t{line} << width_bits_) | treatment];
  }

  /// How many treatments a line has room for.
  [[nodiscard]] std::size_t width() const noexcept { return std::size_t{1} << width_bits_; }

  /// nullptr if a number is 0, or if the table would grow too large. That answer is final for a
  /// cell: the table never shrinks.
  [[nodiscard]] CellTotals* find_or_insert(Number diagnosis, Number hospital, Number treatment) {
    const auto needed = (std::size_t{hospital} + 1) << 8;
    if (lines_.size() < needed) lines_.resize(needed);
    if (diagnosis == 0 || hospital == 0 || treatment == 0) return nullptr;
    while (treatment >= width()) {
      if (cells_.size() * 2 > max_cells) return nullptr;
      double_width();
    }
    auto& line = lines_[(std::size_t{hospital} << 8) | diagnosis];
    if (line == 0) {
      if ((pairs_.size() + 2) * width() > max_cells) return nullptr;
      pairs_.push_back({diagnosis, hospital});
      line = static_cast<std::uint16_t>(pairs_.size());
      cells_.resize((pairs_.size() + 1) * width());  // line 0 is nobody's
    }
    return &at(line, treatment);
  }

  /// Calls f(diagnosis, hospital, treatment, totals) for each cell that has rows.
  template <class F>
  void for_each(F&& f) const {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const CellTotals* const cells = cells_.data() + ((i + 1) << width_bits_);
      for (std::size_t treatment = 1; treatment < width(); ++treatment) {
        if (cells[treatment].rows == 0) continue;
        f(pairs_[i].diagnosis, pairs_[i].hospital, static_cast<Number>(treatment),
          cells[treatment]);
      }
    }
  }

 private:
  // 4 MiB; what doesn't fit is hashed.
  static constexpr std::size_t max_cells = std::size_t{1} << 17;
  struct Pair {
    Number diagnosis = 0;
    Number hospital = 0;
  };

  void double_width() {
    std::vector<CellTotals> wider(cells_.size() * 2);
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const auto line = i >> width_bits_;
      wider[(line << (width_bits_ + 1)) | (i & (width() - 1))] = cells_[i];
    }
    cells_ = std::move(wider);
    ++width_bits_;
  }

  unsigned width_bits_ = 4;
  std::vector<std::uint16_t> lines_ = std::vector<std::uint16_t>(256);  // 256 for each hospital
  std::vector<Pair> pairs_;           // of each line but line 0
  std::vector<CellTotals> cells_;
};

}  // namespace lambda::csv_etl
