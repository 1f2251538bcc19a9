/// The CSV ETL as a Lambda handler.
#pragma once

#include <asio/awaitable.hpp>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>

#include "io/sqlite_sink.hpp"
#include "runtime/context.hpp"

namespace lambda::csv_etl {

/// The columns are the attributes that the DynamoDB table of the same example has.
[[nodiscard]] io::SqliteTable output_table();

/// Reads medical records, aggregates them per diagnosis and hospital, writes one item each.
///
/// Event: see parse_request. Reply: `rows` (good ones), `groups`, `bad_rows`, `bad_row_samples`
/// (`line`, `reason`, `text`), `input_bytes`, `items_written`, `workers`, `read_ms`, `compute_ms`,
/// `write_ms`, `request_id`. Throws HandlerError "InvalidEvent", or as run_etl does.
[[nodiscard]] asio::awaitable<nlohmann::json> handle(Event event, Context context,
                                                     millrace::ComputePool<>& pool);

}  // namespace lambda::csv_etl
