/// The two loops that see every byte and every row of a file, compiled for each instruction set
/// that the machine may have (Highway), chosen when the program runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "csv_etl/dense_cells.hpp"
#include "csv_etl/header.hpp"
#include "csv_etl/short_names.hpp"

namespace lambda::csv_etl {

/// One block is looked at at a time, and whole.
inline constexpr std::size_t block_bytes = 64;

struct Delimiters {
  std::size_t count = 0;
  bool has_non_ascii = false;  ///< Of the blocks, so it may come from behind the last byte.
};

/// Writes the positions of all commas, newlines and quotes in the first `size` bytes of `text` to
/// `positions`, which needs `size + 2 * block_bytes` places.
///
/// Reads whole blocks: up to block_bytes - 1 bytes behind `size` must be readable.
[[nodiscard]] Delimiters find_delimiters(const char* text, std::size_t size,
                                         std::uint32_t* positions);

/// Rows between delimiters; the position in front of the first row stands at delimiters[-1].
struct DelimitedRows {
  const char* text = nullptr;  ///< Where the positions are counted from.
  std::uint64_t offset = 0;    ///< Of `text` in the file.
  const std::uint32_t* delimiters = nullptr;
  std::size_t count = 0;  ///< Of delimiters that are left.
};

/// Adds plain rows to their cells and stops in front of the first row that isn't plain: as many
/// fields as the header has, no quotes, names and groups that were seen before, a number of up to 8
/// digits and a point. Returns how many rows it added.
///
/// Reads up to 8 bytes before and 32 bytes behind a field.
[[nodiscard]] std::size_t add_plain_rows(const DelimitedRows& rows, const Header& header,
                                         const ShortNames& hospitals, const ShortNames& diagnoses,
                                         const ShortNames& treatments, DenseCells& cells);

}  // namespace lambda::csv_etl
