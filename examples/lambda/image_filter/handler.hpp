/// The image filter as a Lambda handler.
#pragma once

#include <asio/awaitable.hpp>
#include <cstdlib>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>

#include "event/fields.hpp"
#include "io/object_sink.hpp"
#include "io/object_source.hpp"
#include "runtime/context.hpp"

namespace lambda::image_filter {

/// Reads a PNG, filters it, writes a PNG.
///
/// Event: see parse_request. Reply: `input`, `output`, `filter`, `width`, `height`, `channels` (of
/// the result), `input_bytes`, `output_bytes`, `workers`, `read_ms`, `decode_ms`, `filter_ms`,
/// `encode_ms`, `write_ms`, `request_id`. For an S3 notification the images are done one after
/// another and the reply is `{"results": [...]}`; the first that fails fails the invocation, and
/// when S3 tries again those before it are written again with the same bytes.
///
/// Throws HandlerError `InvalidEvent`, `InvalidConfiguration`, or as run_filter does.
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

}  // namespace lambda::image_filter
