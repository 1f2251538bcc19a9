#include "csv_transform/handler.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include "csv_transform/request.hpp"
#include "csv_transform/transform_job.hpp"
#include "runtime/log.hpp"

namespace lambda::csv_transform {
namespace {

nlohmann::json to_json(const std::vector<BadRow>& bad_rows) {
  auto samples = nlohmann::json::array();
  for (const auto& bad_row : bad_rows) {
    samples.push_back({{"line", bad_row.line}, {"reason", bad_row.reason}, {"text", bad_row.text}});
  }
  return samples;
}

nlohmann::json to_json(const Totals& totals) {
  nlohmann::json json = {
      {"values", totals.values}, {"outliers", totals.outliers}, {"min", nullptr}, {"max", nullptr}};
  if (totals.min) json["min"] = *totals.min;
  if (totals.max) json["max"] = *totals.max;
  return json;
}

}  // namespace

Handler::Handler(io::ObjectSource& source, io::ObjectSink& sink, event::Environment environment)
    : source_(&source), sink_(&sink), environment_(std::move(environment)) {}

asio::awaitable<nlohmann::json> Handler::operator()(Event event, Context context,
                                                    millrace::ComputePool<>& pool) {
  const auto request = parse_request(event, environment_);
  auto results = nlohmann::json::array();
  std::uint64_t rows = 0;
  for (const auto& job : request.jobs) {
    const auto report = co_await run_transform(*source_, *sink_, job, pool);
    rows += report.rows + report.bad_rows;
    results.push_back({{"request_id", context.request_id},
                       {"input", job.input},
                       {"output", job.output},
                       {"rows", report.rows},
                       {"bad_rows", report.bad_rows},
                       {"bad_row_samples", to_json(report.bad_row_samples)},
                       {"totals", to_json(report.totals)},
                       {"input_bytes", report.input_bytes},
                       {"output_bytes", report.output_bytes},
                       {"workers", pool.num_threads()},
                       {"read_ms", report.read_ms},
                       {"compute_ms", report.compute_ms},
                       {"write_ms", report.write_ms}});
    log_info("rows transformed", {{"requestId", context.request_id},
                                  {"rows", report.rows},
                                  {"badRows", report.bad_rows},
                                  {"computeMs", report.compute_ms}});
  }
  context.report({{"items", rows}});
  if (!request.is_notification) co_return std::move(results.front());
  co_return nlohmann::json{{"results", std::move(results)}};
}

}  // namespace lambda::csv_transform
