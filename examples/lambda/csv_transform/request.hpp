/// What the caller asks for: the event, with the environment for what it leaves out.
#pragma once

#include <vector>

#include "csv_transform/transform_job.hpp"
#include "event/fields.hpp"
#include "runtime/context.hpp"

namespace lambda::csv_transform {

struct Request {
  std::vector<TransformJob> jobs;
  bool is_notification = false;  ///< Of S3's; the reply is then a list.
};

/// `{"input": LOCATION, "output": LOCATION, "format": "csv"|"jsonl", "header": "skip"|"none",
/// "on_bad_row": "skip"|"fail"}` or an S3 notification, whose results go to
/// `s3://{CSV_TRANSFORM_OUTPUT_BUCKET}/processed/{key}`.
///
/// The locations default to `CSV_TRANSFORM_INPUT` and `CSV_TRANSFORM_OUTPUT`, the others to `skip`;
/// the format to what the output's name ends in, JSON lines for `.jsonl` and `.ndjson`, else CSV.
/// `header` says what the first row is: names, which are skipped, or data.
///
/// Throws HandlerError `InvalidEvent`, one line, for anything else.
[[nodiscard]] Request parse_request(const Event& event, const event::Environment& environment);

}  // namespace lambda::csv_transform
