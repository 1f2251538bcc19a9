/// The ETL over any source and any sink: await input, compute on the pool, await output.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <millrace/compute_pool.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "io/item_sink.hpp"
#include "io/object_source.hpp"

namespace lambda::csv_etl {

enum class OnBadRow {
  skip,  ///< Count and report it; the rest of the file counts.
  fail   ///< Write nothing; the error names the first one.
};

struct EtlJob {
  std::string input;  ///< A location, as the source understands it.
  std::string request_id;
  OnBadRow on_bad_row = OnBadRow::skip;
};

struct EtlReport {
  std::uint64_t rows = 0;
  std::size_t groups = 0;
  std::uint64_t bad_rows = 0;
  std::vector<BadRow> bad_row_samples;
  std::size_t input_bytes = 0;
  std::size_t items_written = 0;
  double read_ms = 0;     ///< Until all of the input was there.
  double compute_ms = 0;  ///< From then on: what was computed before is in read_ms.
  double write_ms = 0;
};

/// One item per group, in the order of the groups. Throws HandlerError "AmbiguousKey" if two
/// groups would share a sort key, which names that contain `#hospital#` can bring about: the
/// second would silently replace the first.
[[nodiscard]] std::vector<io::Item> make_items(const std::vector<Group>& groups,
                                               std::string_view request_id);

/// Runs on: the awaiting executor, one thread at a time; the middle on the pool's workers.
/// Completes: with the report, or throws HandlerError ("InputUnavailable", "InvalidInput",
/// "BadRow", "AmbiguousKey", "OutputUnavailable"). Lifetime: source, sink and pool must outlive
/// the operation. Logs a line per phase, and the progress of the computation.
[[nodiscard]] asio::awaitable<EtlReport> run_etl(io::ObjectSource& source, io::ItemSink& sink,
                                                 EtlJob job, millrace::ComputePool<>& pool);

}  // namespace lambda::csv_etl
