#include "image_filter/filter_job.hpp"

#include <stop_token>
#include <utility>

#include "compute/stopwatch.hpp"
#include "event/objects.hpp"
#include "runtime/error.hpp"
#include "text/utf8.hpp"

namespace lambda::image_filter {

asio::awaitable<FilterReport> run_filter(io::ObjectSource& source, io::ObjectSink& sink,
                                         FilterJob job, millrace::ComputePool<>& pool) {
  FilterReport report;
  compute::Stopwatch stopwatch;

  auto input = co_await event::read_input(source, job.input);
  report.input_bytes = input.size();
  report.read_ms = stopwatch.lap_ms();

  // The jobs have names because g++ 12 destroys the captures of a temporary in a co_await
  // expression twice. They take along what they are the last to need, so that its pages are given
  // back on a worker.
  Image image;
  try {
    auto decode = [&job, file = std::move(input)](std::stop_token stop) {
      return decode_png(file.view(), job.limits, stop);
    };
    image = co_await pool.execute(std::move(decode));
  } catch (const ImageError& error) {
    throw HandlerError{"InvalidInput", text::printable_excerpt(job.input) + ": " + error.what()};
  }
  report.decode_ms = stopwatch.lap_ms();

  auto filter = [&job, from = std::move(image)](std::stop_token stop) mutable {
    return apply_filter(std::move(from), job.filter, stop);
  };
  image = co_await pool.install(std::move(filter));
  report.width = image.width;
  report.height = image.height;
  report.channels = image.channels;
  report.filter_ms = stopwatch.lap_ms();

  auto encode = [from = std::move(image)](std::stop_token stop) { return encode_png(from, stop); };
  const auto file = co_await pool.install(std::move(encode));
  report.output_bytes = file.size();
  report.encode_ms = stopwatch.lap_ms();

  co_await event::write_output(sink, job.output, file, "image/png");
  report.write_ms = stopwatch.lap_ms();
  co_return report;
}

}  // namespace lambda::image_filter
