/// The loop that nearly all rows of a file go through, compiled for each instruction set that the
/// machine may have (Highway) and chosen when the program runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "csv_etl/dense_cells.hpp"
#include "csv_etl/header.hpp"
#include "csv_etl/short_names.hpp"

namespace lambda::csv_etl {

/// What a row's names are looked up in: one object, so that one register leads to all of it.
struct KnownNames {
  explicit KnownNames(const Header& header)
      : hospitals(ShortNames::max_names, header.delimiter_of(header.hospital)),
        diagnoses(ShortNames::max_names, header.delimiter_of(header.diagnosis)),
        treatments(DenseCells::max_treatments, header.delimiter_of(header.treatment)) {}

  ShortNames hospitals;
  ShortNames diagnoses;
  ShortNames treatments;
};

struct PlainRows {
  std::size_t end = 0;  ///< Of the last one that was added: where the first other row begins.
  std::uint64_t count = 0;
};

/// Adds plain rows to their cells, from `begin`, a row boundary behind the header, to `end` or the
/// first row that isn't plain. A row is plain if it is good, has no quotes, names a diagnosis, a
/// hospital and a treatment that have numbers and a cell line, has a number of at most 8 digits and
/// point, at most 64 columns, and doesn't lie within the last 160 bytes of the text.
[[nodiscard]] PlainRows add_plain_rows(std::string_view text, std::size_t begin, std::size_t end,
                                       const Header& header, const KnownNames& names,
                                       DenseCells& cells);

}  // namespace lambda::csv_etl
