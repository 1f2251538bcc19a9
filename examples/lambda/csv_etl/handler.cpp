#include "csv_etl/handler.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/this_coro.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "csv_etl/etl.hpp"
#include "csv_etl/request.hpp"
#include "io/error.hpp"
#include "runtime/error.hpp"
#include "storage/storage.hpp"

namespace lambda::csv_etl {
namespace {

nlohmann::json to_json(const std::vector<BadRow>& bad_rows) {
  auto samples = nlohmann::json::array();
  for (const auto& bad_row : bad_rows) {
    samples.push_back({{"line", bad_row.line}, {"reason", bad_row.reason}, {"text", bad_row.text}});
  }
  return samples;
}

std::unique_ptr<io::ItemSink> make_sink(Storage& storage, const std::string& location) {
  try {
    return storage.item_sink(location, output_table());
  } catch (const io::Error& error) {
    throw HandlerError{"OutputUnavailable", error.what()};
  }
}

}  // namespace

io::SqliteTable output_table() {
  using enum io::AttributeType;
  return {"recovery_statistics",
          {{"PK", string},
           {"SK", string},
           {"Diagnosis", string},
           {"Hospital", string},
           {"MostUsedTreatment", string},
           {"AverageRecoveryTime", number}}};
}

asio::awaitable<nlohmann::json> handle(Event event, Context context,
                                       millrace::ComputePool<>& pool) {
  const auto request =
      parse_request(event, [](const char* variable) { return std::getenv(variable); });
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Storage& storage = storage_of(executor);
  const auto sink = make_sink(storage, request.output);
  // Named because g++ 12 destroys an aggregate's members twice if it is a temporary here.
  EtlJob job{request.input, context.request_id, request.on_bad_row};
  const auto report = co_await run_etl(storage, *sink, std::move(job), pool);
  context.report({{"items", report.rows + report.bad_rows}});
  co_return nlohmann::json{{"request_id", context.request_id},
                           {"rows", report.rows},
                           {"groups", report.groups},
                           {"bad_rows", report.bad_rows},
                           {"bad_row_samples", to_json(report.bad_row_samples)},
                           {"input_bytes", report.input_bytes},
                           {"items_written", report.items_written},
                           {"workers", pool.num_threads()},
                           {"read_ms", report.read_ms},
                           {"compute_ms", report.compute_ms},
                           {"write_ms", report.write_ms}};
}

}  // namespace lambda::csv_etl
