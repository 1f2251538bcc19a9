#include "csv_transform/transform_job.hpp"

#include <stop_token>
#include <utility>

#include "compute/stopwatch.hpp"
#include "event/objects.hpp"
#include "runtime/error.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_transform {
namespace {

Transformed compute_rows(std::string_view text, const TransformJob& job,
                         const std::stop_token& stop) {
  const auto name = text::printable_excerpt(job.input);
  try {
    auto result = transform(text, job.options, stop);
    if (job.on_bad_row == OnBadRow::fail && result.bad_rows > 0) {
      const auto& first = result.bad_row_samples.front();
      throw HandlerError{"BadRow", name + ": line " + std::to_string(first.line) + ": " +
                                       first.reason + ": " + first.text};
    }
    return result;
  } catch (const InputError& error) {
    throw HandlerError{"InvalidInput", name + ": " + error.what()};
  }
}

}  // namespace

asio::awaitable<TransformReport> run_transform(io::ObjectSource& source, io::ObjectSink& sink,
                                               TransformJob job, millrace::ComputePool<>& pool) {
  TransformReport report;
  compute::Stopwatch stopwatch;

  auto input = co_await event::read_input(source, job.input);
  report.input_bytes = input.size();
  report.read_ms = stopwatch.lap_ms();

  // The job takes the input along, so that its pages are given back on a worker. It has a name
  // because g++ 12 destroys the captures of a temporary in a co_await expression twice.
  auto work = [&job, text = std::move(input)](std::stop_token stop) {
    return compute_rows(text.view(), job, stop);
  };
  auto result = co_await pool.install(std::move(work));
  report.rows = result.rows;
  report.bad_rows = result.bad_rows;
  report.bad_row_samples = std::move(result.bad_row_samples);
  report.totals = result.totals;
  report.output_bytes = result.output.size();
  report.compute_ms = stopwatch.lap_ms();

  const bool is_csv = job.options.format == Format::csv;
  co_await event::write_output(sink, job.output, result.output.view(),
                               is_csv ? "text/csv; charset=utf-8" : "application/x-ndjson");
  report.write_ms = stopwatch.lap_ms();
  co_return report;
}

}  // namespace lambda::csv_transform
