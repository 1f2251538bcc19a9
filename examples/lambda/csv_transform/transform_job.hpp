/// One text: await it, transform it on the pool, await the result's being written.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <millrace/compute_pool.hpp>
#include <string>
#include <vector>

#include "csv_etl/etl.hpp"
#include "csv_transform/transform.hpp"
#include "io/object_sink.hpp"
#include "io/object_source.hpp"

namespace lambda::csv_transform {

using csv_etl::OnBadRow;

struct TransformJob {
  std::string input;   ///< A location, as the source understands it.
  std::string output;  ///< A location, as the sink understands it.
  TransformOptions options;
  OnBadRow on_bad_row = OnBadRow::skip;
};

struct TransformReport {
  std::uint64_t rows = 0;
  std::uint64_t bad_rows = 0;
  std::vector<BadRow> bad_row_samples;
  Totals totals;
  std::size_t input_bytes = 0;
  std::size_t output_bytes = 0;
  double read_ms = 0;
  double compute_ms = 0;
  double write_ms = 0;
};

/// **Runs on**: the awaiting executor; the middle on the pool's workers. **Completes**: with the
/// report, or throws HandlerError `InputUnavailable`, `InvalidInput`, `BadRow`, which name the
/// input, or `OutputUnavailable`. **Cancellation**: between the stages, and between parts of the
/// text; nothing is written then. **Lifetime**: source, sink and pool must outlive the operation.
[[nodiscard]] asio::awaitable<TransformReport> run_transform(io::ObjectSource& source,
                                                             io::ObjectSink& sink, TransformJob job,
                                                             millrace::ComputePool<>& pool);

}  // namespace lambda::csv_transform
