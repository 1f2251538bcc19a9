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

  /// For loops: valid until the next find_or_insert().
  struct View {
    const std::uint16_t* lines = nullptr;
    CellTotals* cells = nullptr;
    unsigned width_bits = 0;

    /// The line of a pair, 0 if it has none yet. Only for hospital 0 and those that
    /// find_or_insert() was asked for before, as for a cell's treatment.
    [[nodiscard]] std::uint32_t line(Number diagnosis, Number hospital) const noexcept {
      return lines[(std::size_t{hospital} << 8) | diagnosis];
    }

    [[nodiscard]] CellTotals& at(std::uint32_t line, Number treatment) const noexcept {
      return cells[(std::size_t{line} << width_bits) | treatment];
    }
  };
  [[nodiscard]] View view() noexcept { return {lines_.data(), cells_.data(), width_bits_}; }

  static constexpr std::size_t max_treatments = 63;
  static constexpr std::size_t max_pairs = 2047;  // so that the table has at most 4 MiB

  /// nullptr if a number is 0, or if the pair would be one too many. That answer is final.
  [[nodiscard]] CellTotals* find_or_insert(Number diagnosis, Number hospital, Number treatment) {
    const auto needed = (std::size_t{hospital} + 1) << 8;
    if (lines_.size() < needed) lines_.resize(needed);
    while (treatment >= width()) double_width();
    if (diagnosis == 0 || hospital == 0 || treatment == 0) return nullptr;
    auto& line = lines_[(std::size_t{hospital} << 8) | diagnosis];
    if (line == 0) {
      if (pairs_.size() == max_pairs) return nullptr;
      pairs_.push_back({diagnosis, hospital});
      line = static_cast<std::uint16_t>(pairs_.size());
      cells_.resize((pairs_.size() + 1) * width());  // line 0 is nobody's
    }
    return &view().at(line, treatment);
  }

  /// How many cells there are, with and without rows.
  [[nodiscard]] std::size_t size() const noexcept { return cells_.size(); }

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
  struct Pair {
    Number diagnosis = 0;
    Number hospital = 0;
  };

  [[nodiscard]] std::size_t width() const noexcept { return std::size_t{1} << width_bits_; }

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
  std::vector<Pair> pairs_;                                             // of each line but line 0
  std::vector<CellTotals> cells_;
};

}  // namespace lambda::csv_etl
