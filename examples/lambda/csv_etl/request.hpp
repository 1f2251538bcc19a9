/// What the caller asks for: the event, with the environment for what it leaves out.
#pragma once

#include <string>

#include "csv_etl/etl.hpp"
#include "event/fields.hpp"
#include "runtime/context.hpp"

namespace lambda::csv_etl {

struct Request {
  std::string input;   ///< Path of a local file, or s3://bucket/key.
  std::string output;  ///< Path of a SQLite file, or dynamodb://table.
  OnBadRow on_bad_row = OnBadRow::skip;
};

/// `{"input": LOCATION, "output": LOCATION, "on_bad_row": "skip"|"fail"}`, all optional: the
/// locations default to `CSV_ETL_INPUT` and `CSV_ETL_OUTPUT`, `on_bad_row` to `skip`. A location
/// is a path, a `file://` URL, and `s3://bucket/key` for the input or `dynamodb://table` for the
/// output. An S3 notification names the input by its object; the rest has its defaults. Throws
/// HandlerError "InvalidEvent", one line, for anything else.
[[nodiscard]] Request parse_request(const Event& event, const event::Environment& environment);

}  // namespace lambda::csv_etl
