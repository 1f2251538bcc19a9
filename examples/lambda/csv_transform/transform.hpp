/// The synchronous middle: rows of values in, a row of statistics each out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "io/bytes.hpp"

namespace lambda::csv_transform {

using csv_etl::BadRow;
using csv_etl::InputError;

enum class Format { csv, json_lines };

struct TransformOptions {
  bool has_header = true;  ///< The first row is names, whatever they are.
  Format format = Format::csv;
  /// Into how many parts the text is cut; 0 chooses by size. No result depends on it.
  std::size_t parts = 0;
};

/// Over all values of all good rows.
struct Totals {
  std::uint64_t values = 0;
  std::uint64_t outliers = 0;
  std::optional<double> min;  ///< Nothing without a value.
  std::optional<double> max;

  bool operator==(const Totals&) const = default;
};

struct Transformed {
  io::Bytes output;
  std::uint64_t rows = 0;  ///< Good ones.
  std::uint64_t bad_rows = 0;
  std::vector<BadRow> bad_row_samples;  ///< The first csv_etl::max_bad_row_samples of the text.
  Totals totals;
};

/// Parses `id, value, ...`, any number of values per row but at least one, and writes for each good
/// row, in the order of the text, its statistics (see compute_statistics):
///
/// - CSV: the header `id,count,mean,median,std_dev,outliers`, lines that end in LF, ids quoted
/// where
///   RFC 4180 needs it, the outliers between semicolons;
/// - JSON lines: `{"id":"a","count":3,"mean":2,"median":2,"std_dev":1,"outliers":[]}`.
///
/// Rows are split as the CSV ETL does: RFC 4180 with quotes, CRLF, BOM, empty lines skipped, UTF-8.
/// A bad row (a quote out of place, invalid UTF-8, no id, no value, a value that isn't a finite
/// decimal number) is reported and takes no other row with it.
///
/// **Runs on**: the calling thread and whoever joins its oneTBB arena. **Completes**: with the
/// result, which depends on the text alone, or throws InputError for an empty text or one in
/// UTF-16.
/// **Cancellation**: looks at the stop token before each part, throws `operation_aborted`.
/// **Lifetime**: the result holds no view of `text`.
[[nodiscard]] Transformed transform(std::string_view text, const TransformOptions& options,
                                    const std::stop_token& stop);

}  // namespace lambda::csv_transform
