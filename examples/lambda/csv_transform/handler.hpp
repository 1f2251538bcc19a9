/// The CSV transformation as a Lambda handler.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdlib>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>

#include "event/fields.hpp"
#include "io/object_sink.hpp"
#include "io/object_source.hpp"
#include "runtime/context.hpp"

namespace lambda::csv_transform {

/// Reads rows of values, writes a row of statistics for each.
///
/// Event: see parse_request. Reply: `input`, `output`, `rows` (good ones), `bad_rows`,
/// `bad_row_samples` (`line`, `reason`, `text`), `totals` (`values`, `outliers`, `min`, `max`; the
/// last two are null without a value), `input_bytes`, `output_bytes`, `workers`, `read_ms`,
/// `compute_ms`, `write_ms`, `request_id`. For an S3 notification the objects are done one after
/// another and the reply is `{"results": [...]}`; the first that fails fails the invocation, and
/// when it is tried again those before it are written again with the same bytes.
///
/// Throws HandlerError `InvalidEvent`, or as run_transform does.
/// **Lifetime**: source and sink must outlive it, and it its invocations.
class Handler {
 public:
  Handler(
      io::ObjectSource& source, io::ObjectSink& sink,
      event::Environment environment = [](const char* variable) { return std::getenv(variable); });

  [[nodiscard]] asio::awaitable<nlohmann::json> operator()(Event event, Context context,
                                                           millrace::ComputePool<>& pool);

 private:
  io::ObjectSource* source_;
  io::ObjectSink* sink_;
  event::Environment environment_;
};

}  // namespace lambda::csv_transform
