#include "csv_etl/etl.hpp"

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <system_error>
#include <utility>

#include "compute/stopwatch.hpp"
#include "csv_etl/arriving_aggregate.hpp"
#include "csv_etl/progress_log.hpp"
#include "io/error.hpp"
#include "io/side_by_side.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_etl {
namespace {

struct Computed {
  Aggregate result;
  std::vector<io::Item> items;
};

void check_rows(const Aggregate& result, OnBadRow on_bad_row) {
  if (on_bad_row == OnBadRow::skip || result.bad_rows == 0) return;
  const auto& first = result.bad_row_samples.front();
  throw HandlerError{
      "BadRow", "line " + std::to_string(first.line) + ": " + first.reason + ": " + first.text};
}

// What the download tells the computation, both on one loop.
class Arrivals {
 public:
  explicit Arrivals(const asio::any_io_executor& executor)
      : more_(executor, asio::steady_timer::time_point::max()) {}

  void told(const std::shared_ptr<const io::Bytes>& object, std::size_t arrived) {
    object_ = object;
    arrived_ = arrived;
    more_.cancel();  // the timer never expires; cancelling it is what ends the wait
  }

  // Until there is an object at all.
  [[nodiscard]] asio::awaitable<std::shared_ptr<const io::Bytes>> object() {
    while (object_ == nullptr) co_await wait();
    co_return object_;
  }

  // Until more than `known` bytes have arrived, or all.
  [[nodiscard]] asio::awaitable<std::size_t> beyond(std::size_t known) {
    while (arrived_ <= known && arrived_ < object_->size()) co_await wait();
    co_return arrived_;
  }

  void forget() { object_.reset(); }

 private:
  asio::awaitable<void> wait() {
    std::error_code ignored;
    co_await more_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  asio::steady_timer more_;
  std::shared_ptr<const io::Bytes> object_;
  std::size_t arrived_ = 0;
};

// On the pool, what has arrived since the last time, until all has. The loop stays free, and logs
// the progress meanwhile.
asio::awaitable<void> compute_arriving(Arrivals& arrivals, const EtlJob& job,
                                       millrace::ComputePool<>& pool, Computed& computed) {
  auto object = co_await arrivals.object();
  const auto executor = co_await asio::this_coro::executor;
  ProgressLog progress{executor, job.request_id, object->size()};
  ArrivingAggregate rows{object->view(), &progress.done()};
  for (std::size_t added = 0;;) {
    added = co_await arrivals.beyond(added);
    if (added == object->size()) break;
    // The jobs have names because g++ 12 destroys the captures of a temporary in a co_await
    // expression twice.
    auto add = [&rows, added](std::stop_token stop) { rows.add(added, stop); };
    co_await pool.install(std::move(add));
  }
  arrivals.forget();
  // The job takes the input along, so that its pages are given back on a worker.
  auto finish = [&rows, &job, input = std::move(object)](std::stop_token stop) {
    Computed all;
    all.result = rows.finish(stop);
    check_rows(all.result, job.on_bad_row);
    all.items = make_items(all.result.groups, job.request_id);
    return all;
  };
  computed = co_await pool.install(std::move(finish));
  progress.log_now();
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

  // 1. Await the input, and 2. compute on the pool: what is there while the rest is under way.
  Computed computed;
  Arrivals arrivals{co_await asio::this_coro::executor};
  auto read = [&]() -> asio::awaitable<void> {
    auto on_arrival = [&](const std::shared_ptr<const io::Bytes>& object, std::size_t arrived) {
      report.input_bytes = object->size();
      arrivals.told(object, arrived);
    };
    try {
      co_await source.get_arriving(job.input, std::move(on_arrival));
    } catch (const io::Error& error) {
      throw HandlerError{"InputUnavailable", error.what()};
    }
    report.read_ms = stopwatch.lap_ms();
    log_info(
        "input read",
        {{"requestId", job.request_id}, {"bytes", report.input_bytes}, {"ms", report.read_ms}});
  };
  auto each = [&](std::size_t index) {
    return index == 0 ? read() : compute_arriving(arrivals, job, pool, computed);
  };
  try {
    co_await io::side_by_side(2, 2, std::move(each));
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
