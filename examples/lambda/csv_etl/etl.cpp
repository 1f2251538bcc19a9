#include "csv_etl/etl.hpp"

#include <algorithm>
#include <asio/this_coro.hpp>
#include <stop_token>
#include <utility>

#include "compute/stopwatch.hpp"
#include "csv_etl/progress_log.hpp"
#include "event/objects.hpp"
#include "io/error.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_etl {
namespace {

struct Computed {
  Aggregate result;
  std::vector<io::Item> items;
};

Computed compute_items(std::string_view text, const EtlJob& job,
                       std::atomic<std::uint64_t>& bytes_done, std::stop_token stop) {
  Computed computed;
  computed.result = aggregate(text, {.bytes_done = &bytes_done, .stop = std::move(stop)});
  if (job.on_bad_row == OnBadRow::fail && computed.result.bad_rows > 0) {
    const auto& first = computed.result.bad_row_samples.front();
    throw HandlerError{
        "BadRow", "line " + std::to_string(first.line) + ": " + first.reason + ": " + first.text};
  }
  computed.items = make_items(computed.result.groups, job.request_id);
  return computed;
}

}  // namespace

std::vector<io::Item> make_items(const std::vector<Group>& groups, std::string_view request_id) {
  using enum io::AttributeType;
  std::vector<io::Item> items;
  std::vector<std::string> keys;
  items.reserve(groups.size());
  keys.reserve(groups.size());
  for (const auto& group : groups) {
    keys.push_back("#diagnosis#" + group.diagnosis + "#hospital#" + group.hospital);
    items.push_back({{"PK", string, std::string{request_id}},
                     {"SK", string, keys.back()},
                     {"Diagnosis", string, group.diagnosis},
                     {"Hospital", string, group.hospital},
                     {"MostUsedTreatment", string, group.most_used_treatment},
                     {"AverageRecoveryTime", number, group.average_recovery_time}});
  }
  std::sort(keys.begin(), keys.end());
  if (const auto twin = std::adjacent_find(keys.begin(), keys.end()); twin != keys.end()) {
    throw HandlerError{"AmbiguousKey",
                       "two groups have the same sort key " + text::printable_excerpt(*twin)};
  }
  return items;
}

asio::awaitable<EtlReport> run_etl(io::ObjectSource& source, io::ItemSink& sink, EtlJob job,
                                   millrace::ComputePool<>& pool) {
  EtlReport report;
  compute::Stopwatch stopwatch;

  // 1. Await the input.
  auto input = co_await event::read_input(source, job.input);
  report.input_bytes = input.size();
  report.read_ms = stopwatch.lap_ms();
  log_info("input read",
           {{"requestId", job.request_id}, {"bytes", report.input_bytes}, {"ms", report.read_ms}});

  // 2. Compute on the pool. The loop stays free, and logs the progress meanwhile.
  Computed computed;
  try {
    const auto executor = co_await asio::this_coro::executor;
    ProgressLog progress{executor, job.request_id, input.size()};
    // The job takes the input along, so that its pages are given back on a worker. It has a name
    // because g++ 12 destroys the captures of a temporary in a co_await expression twice.
    auto work = [&job, &progress, text = std::move(input)](std::stop_token stop) {
      return compute_items(text.view(), job, progress.done(), std::move(stop));
    };
    computed = co_await pool.install(std::move(work));
    progress.log_now();
  } catch (const InputError& error) {
    throw HandlerError{"InvalidInput", error.what()};
  }
  report.rows = computed.result.rows;
  report.groups = computed.result.groups.size();
  report.bad_rows = computed.result.bad_rows;
  report.bad_row_samples = std::move(computed.result.bad_row_samples);
  report.compute_ms = stopwatch.lap_ms();
  log_info("computed", {{"requestId", job.request_id},
                        {"rows", report.rows},
                        {"groups", report.groups},
                        {"badRows", report.bad_rows},
                        {"workers", pool.num_threads()},
                        {"ms", report.compute_ms}});

  // 3. Await the output.
  try {
    const auto written = co_await sink.put(computed.items);
    report.items_written = written.items_written;
  } catch (const io::Error& error) {
    throw HandlerError{"OutputUnavailable", error.what()};
  }
  report.write_ms = stopwatch.lap_ms();
  log_info(
      "output written",
      {{"requestId", job.request_id}, {"items", report.items_written}, {"ms", report.write_ms}});
  co_return report;
}

}  // namespace lambda::csv_etl
