#include "image_filter/handler.hpp"

#include <cstdint>
#include <string>
#include <utility>

#include "image_filter/filter_job.hpp"
#include "image_filter/request.hpp"
#include "runtime/log.hpp"

namespace lambda::image_filter {

Handler::Handler(io::ObjectSource& source, io::ObjectSink& sink, event::Environment environment)
    : source_(&source), sink_(&sink), environment_(std::move(environment)) {}

asio::awaitable<nlohmann::json> Handler::operator()(Event event, Context context,
                                                    millrace::ComputePool<>& pool) {
  const auto request = parse_request(event, environment_);
  auto results = nlohmann::json::array();
  std::uint64_t pixels = 0;
  for (const auto& job : request.jobs) {
    const auto report = co_await run_filter(*source_, *sink_, job, pool);
    pixels += std::uint64_t{report.width} * report.height;
    results.push_back({{"request_id", context.request_id},
                       {"input", job.input},
                       {"output", job.output},
                       {"filter", name_of(job.filter.kind)},
                       {"width", report.width},
                       {"height", report.height},
                       {"channels", report.channels},
                       {"input_bytes", report.input_bytes},
                       {"output_bytes", report.output_bytes},
                       {"workers", pool.num_threads()},
                       {"read_ms", report.read_ms},
                       {"decode_ms", report.decode_ms},
                       {"filter_ms", report.filter_ms},
                       {"encode_ms", report.encode_ms},
                       {"write_ms", report.write_ms}});
    log_info("image filtered", {{"requestId", context.request_id},
                                {"width", report.width},
                                {"height", report.height},
                                {"filterMs", report.filter_ms},
                                {"encodeMs", report.encode_ms}});
  }
  context.report({{"items", pixels}});
  if (!request.is_notification) co_return std::move(results.front());
  co_return nlohmann::json{{"results", std::move(results)}};
}

}  // namespace lambda::image_filter
