#include "aws/dynamodb_client.hpp"

#include <zlib.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "aws/digest.hpp"
#include "aws/dynamodb_items.hpp"
#include "io/error.hpp"
#include "io/side_by_side.hpp"
#include "runtime/log.hpp"
#include "text/json.hpp"
#include "text/utf8.hpp"

namespace lambda::aws {
namespace {

// DynamoDB's own limits.
constexpr std::size_t most_items = 25;
constexpr std::size_t most_bytes = std::size_t{16} << 20U;

std::string request_body(const std::string& table, const std::vector<std::string>& batch) {
  std::string body = "{\"RequestItems\":{" + nlohmann::json(table).dump() + ":[";
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (i > 0) body += ',';
    body += batch[i];
  }
  return body + "]}}";
}

}  // namespace

std::optional<std::vector<std::string>> unprocessed_requests(const std::string& body,
                                                             const std::string& table,
                                                             std::size_t sent) {
  // DynamoDB's own limits are 16 MiB in a batch and 32 levels in an item.
  constexpr text::JsonLimits limits{.max_bytes = std::size_t{17} << 20, .max_depth = 100};
  const auto json = text::read_json(body, limits).value;
  if (!json.is_object()) return std::nullopt;
  std::vector<std::string> requests;
  const auto tables = json.find("UnprocessedItems");
  if (tables == json.end()) return requests;
  if (!tables->is_object() || tables->size() > 1) return std::nullopt;
  if (tables->empty()) return requests;
  const auto list = tables->find(table);
  if (list == tables->end() || !list->is_array() || list->size() > sent) return std::nullopt;
  for (const auto& request : *list) {
    const bool is_put = request.is_object() && request.contains("PutRequest") &&
                        request["PutRequest"].is_object() && request["PutRequest"].contains("Item");
    if (!is_put) return std::nullopt;
    requests.push_back(request.dump());
  }
  return requests;
}

std::string crc32_flaw(const HttpResponse& response) {
  const auto expected = response.headers.get("x-amz-crc32");
  if (expected.empty()) return {};
  const auto sum = ::crc32_z(0, reinterpret_cast<const unsigned char*>(response.body.data()),
                             response.body.size());
  if (std::to_string(sum) == expected) return {};
  return "the body's CRC32 is " + std::to_string(sum) + ", not the " + std::string{expected} +
         " of x-amz-crc32";
}

struct DynamoDbClient::Work {
  std::string table;
  std::string subject;
  std::deque<std::string> waiting;
  std::size_t written = 0;
  std::string failure;  // the first one

  [[nodiscard]] std::vector<std::string> take_batch() {
    std::vector<std::string> batch;
    std::size_t bytes = table.size() + 64;  // what is around the items
    while (!waiting.empty() && batch.size() < most_items) {
      bytes += waiting.front().size() + 1;
      if (bytes > most_bytes && !batch.empty()) break;
      batch.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    return batch;
  }

  void ended(std::size_t sent, std::vector<std::string> left) {
    written += sent - left.size();
    for (auto& request : left) waiting.push_back(std::move(request));
  }

  void fail(const std::string& reason) {
    if (failure.empty()) failure = reason;
  }
};

DynamoDbClient::DynamoDbClient(HttpClient& http, CredentialsProvider& credentials,
                               ServiceConfig config, DynamoDbOptions options)
    : service_(http, credentials, "dynamodb", std::move(config), &json_error), options_(options) {
  if (options_.batches_at_once == 0) throw std::invalid_argument("batches_at_once must not be 0");
}

asio::awaitable<io::WriteReport> DynamoDbClient::batch_write(std::string table,
                                                             std::span<const io::Item> items,
                                                             std::vector<std::string> key) {
  Work work;
  work.subject = "dynamodb://" + text::printable_excerpt(table);
  work.table = std::move(table);
  auto requests = put_requests(items, key, work.subject);
  const std::size_t distinct = requests.size();
  work.waiting.assign(std::make_move_iterator(requests.begin()),
                      std::make_move_iterator(requests.end()));
  const std::size_t batches = (distinct + most_items - 1) / most_items;
  const std::size_t lanes = std::min(batches, options_.batches_at_once);
  auto lane = [this, &work](std::size_t) { return run_lane(work); };
  co_await io::side_by_side(lanes, lanes, std::move(lane));
  if (!work.failure.empty()) {
    throw io::Error{work.subject + ": " + std::to_string(work.written) + " of " +
                    std::to_string(distinct) + " items written, " +
                    std::to_string(distinct - work.written) + " not: " + work.failure};
  }
  co_return io::WriteReport{items.size()};
}

// A lane that fails lets the others end what they have begun, so that the numbers are right.
asio::awaitable<void> DynamoDbClient::run_lane(Work& work) {
  Retry retry(service_.config().retry);
  std::size_t written_before = 0;
  while (work.failure.empty() && !work.waiting.empty()) {
    const auto batch = work.take_batch();
    std::vector<std::string> left;
    try {
      left = co_await write(work, batch);
    } catch (const io::Error& error) {
      work.fail(error.what());
      left = batch;
    }
    const bool again = !left.empty() && work.failure.empty();
    work.ended(batch.size(), std::move(left));
    if (!again) continue;
    // Progress of the other lanes counts, too: the table's capacity is theirs as well.
    if (std::exchange(written_before, work.written) != work.written) {
      retry.progress();
    }
    const auto delay = retry.failed({});
    if (!delay) {
      work.fail(std::to_string(retry.failures()) +
                " tries in a row left items unprocessed, the table's capacity is used up");
      continue;
    }
    log_warn(
        "DynamoDB left items unprocessed, trying again",
        {{"subject", work.subject}, {"waiting", work.waiting.size()}, {"delayMs", delay->count()}});
    co_await service_.config().retry.sleep(*delay);
  }
}

asio::awaitable<std::vector<std::string>> DynamoDbClient::write(
    const Work& work, const std::vector<std::string>& batch) {
  const std::string body = request_body(work.table, batch);
  ApiRequest post;
  post.method = "POST";
  post.path = "/";
  const ServiceConfig& config = service_.config();
  const bool china = config.region.starts_with("cn-");
  post.endpoint = config.endpoint.value_or(
      Endpoint{"https", "dynamodb." + config.region + ".amazonaws.com" + (china ? ".cn" : "")});
  post.headers = {{"Content-Type", "application/x-amz-json-1.0"},
                  {"x-amz-target", "DynamoDB_20120810.BatchWriteItem"}};
  post.body = body;
  post.payload_sha256 = sha256_hex(body);
  std::optional<std::vector<std::string>> left;
  post.flaw = [&](const HttpResponse& response) -> std::string {
    if (auto flaw = crc32_flaw(response); !flaw.empty()) return flaw;
    left = unprocessed_requests(response.body, work.table, batch.size());
    return left ? "" : "an answer that isn't one to BatchWriteItem";
  };
  const Answer answer = co_await service_.send(post, "BatchWriteItem");
  if (answer.error) throw io::Error{to_string(*answer.error)};
  co_return std::move(*left);
}

}  // namespace lambda::aws
