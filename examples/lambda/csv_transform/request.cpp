#include "csv_transform/request.hpp"

#include <string_view>
#include <utility>

#include "event/s3_notification.hpp"

namespace lambda::csv_transform {
namespace {

Format format_of(std::string_view output) {
  return output.ends_with(".jsonl") || output.ends_with(".ndjson") ? Format::json_lines
                                                                   : Format::csv;
}

}  // namespace

Request parse_request(const Event& event, const event::Environment& environment) {
  Request request;
  request.is_notification = event::is_s3_notification(event);
  if (request.is_notification) {
    for (auto& [input, output] :
         event::notified_pairs(event, "CSV_TRANSFORM_OUTPUT_BUCKET", environment)) {
      TransformJob job;
      job.options.format = format_of(output);
      job.input = std::move(input);
      job.output = std::move(output);
      request.jobs.push_back(std::move(job));
    }
    return request;
  }
  event::allow_only(event, {"input", "output", "format", "header", "on_bad_row"});
  TransformJob job;
  job.input = event::location(event, "input", {"s3"}, "CSV_TRANSFORM_INPUT", environment);
  job.output = event::location(event, "output", {"s3"}, "CSV_TRANSFORM_OUTPUT", environment);
  const auto by_name = static_cast<std::size_t>(format_of(job.output));
  job.options.format =
      static_cast<Format>(event::choice(event, "format", {"csv", "jsonl"}, by_name));
  job.options.has_header = event::choice(event, "header", {"skip", "none"}, 0) == 0;
  job.on_bad_row = event::choice(event, "on_bad_row", {"skip", "fail"}, 0) == 0 ? OnBadRow::skip
                                                                                : OnBadRow::fail;
  request.jobs.push_back(std::move(job));
  return request;
}

}  // namespace lambda::csv_transform
