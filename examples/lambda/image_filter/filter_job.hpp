/// One image: await it, decode, filter and encode it on the pool, await its being written.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <millrace/compute_pool.hpp>
#include <string>

#include "image_filter/filters.hpp"
#include "image_filter/png.hpp"
#include "io/object_sink.hpp"
#include "io/object_source.hpp"

namespace lambda::image_filter {

struct FilterJob {
  std::string input;   ///< A location, as the source understands it.
  std::string output;  ///< A location, as the sink understands it.
  Filter filter;
  PngLimits limits;
};

struct FilterReport {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  unsigned channels = 0;  ///< Of the result.
  std::size_t input_bytes = 0;
  std::size_t output_bytes = 0;
  double read_ms = 0;
  double decode_ms = 0;
  double filter_ms = 0;
  double encode_ms = 0;
  double write_ms = 0;
};

/// **Runs on**: the awaiting executor; decoding, filtering and encoding on the pool's workers.
/// **Completes**: with the report, or throws HandlerError `InputUnavailable`, `InvalidInput`, which
/// names the input, or `OutputUnavailable`. **Cancellation**: between the stages, and in them every
/// few rows; nothing is written then. **Lifetime**: source, sink and pool must outlive the
/// operation.
[[nodiscard]] asio::awaitable<FilterReport> run_filter(io::ObjectSource& source,
                                                       io::ObjectSink& sink, FilterJob job,
                                                       millrace::ComputePool<>& pool);

}  // namespace lambda::image_filter
