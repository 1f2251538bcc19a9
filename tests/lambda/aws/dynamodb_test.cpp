#include <zlib.h>

#include <asio/error.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "aws/dynamodb_client.hpp"
#include "aws/dynamodb_items.hpp"
#include "bench.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::aws;
using namespace lambda::testing;
using nlohmann::json;

namespace {

const std::vector<std::string> key{"PK", "SK"};

io::Item item(int id, const std::string& note = "n") {
  using enum io::AttributeType;
  return {{"PK", string, "p"},
          {"SK", string, std::to_string(id)},
          {"Note", string, note},
          {"Value", number, "1.5"}};
}

std::vector<io::Item> items(int count) {
  std::vector<io::Item> result;
  for (int i = 0; i < count; ++i) result.push_back(item(i));
  return result;
}

std::string crc32_of(const std::string& body) {
  return std::to_string(
      ::crc32_z(0, reinterpret_cast<const unsigned char*>(body.data()), body.size()));
}

Step done(const json& unprocessed = json::object()) {
  const std::string body =
      json{{"UnprocessedItems", unprocessed.empty() ? json::object() : json{{"t", unprocessed}}}}
          .dump();
  return reply(200, {{"x-amz-crc32", crc32_of(body)}}, body);
}

// A table that keeps what it is given. `plan` says what becomes of the n-th batch: a step, or the
// number of its items that it leaves unprocessed.
struct Bench : AwsBench {
  using Plan = std::function<std::variant<int, Step>(int nth, const json& requests)>;

  Plan plan;
  int batches = 0;
  std::size_t largest_batch = 0;
  bool duplicates = false;
  std::map<std::string, json> table;
  ScriptedServer server{[this](const Received& request) { return answer(request); }};
  DynamoDbClient client{http, credentials, config(server), {.batches_at_once = 3}};

  explicit Bench(Plan how = {}) : plan(std::move(how)) {}

  Step answer(const Received& request) {
    const json requests = json::parse(request.body)["RequestItems"]["t"];
    int left = 0;
    largest_batch = std::max(largest_batch, requests.size());
    if (plan) {
      auto what = plan(++batches, requests);
      if (auto* step = std::get_if<Step>(&what)) return *step;
      left = std::get<int>(what);
    }
    json unprocessed = json::array();
    std::set<std::string> keys;
    for (const auto& put : requests) {
      const auto& attributes = put["PutRequest"]["Item"];
      if (!keys.insert(attributes["SK"]["S"].get<std::string>()).second) duplicates = true;
      if (left-- > 0) {
        unprocessed.push_back(put);
      } else {
        table[attributes["SK"]["S"].get<std::string>()] = attributes;
      }
    }
    return done(unprocessed);
  }

  std::size_t write(const std::vector<io::Item>& what) {
    return run(client.batch_write("t", what, key)).items_written;
  }
  std::string error(const std::vector<io::Item>& what) {
    return error_of(client.batch_write("t", what, key));
  }
};

}  // namespace

TEST_CASE("dynamodb: all items arrive, in batches of 25, several at a time") {
  Bench bench;
  CHECK(bench.write(items(260)) == 260);
  CHECK(bench.table.size() == 260);
  CHECK(bench.largest_batch == 25);
  const auto requests = bench.server.requests();
  CHECK(requests.size() == 11);
  int connections = 0;
  for (const auto& request : requests) connections = std::max(connections, request.connection);
  CHECK(connections == 3);
  CHECK(requests[0].headers.get("x-amz-target") == "DynamoDB_20120810.BatchWriteItem");
  CHECK(requests[0].headers.get("Content-Type") == "application/x-amz-json-1.0");
  CHECK(requests[0].method == "POST");
  CHECK(bench.table["3"] == json{{"PK", {{"S", "p"}}},
                                 {"SK", {{"S", "3"}}},
                                 {"Note", {{"S", "n"}}},
                                 {"Value", {{"N", "1.5"}}}});
  CHECK(bench.write({}) == 0);
}

TEST_CASE("dynamodb: only what was left unprocessed is sent again") {
  Bench bench([](int nth, const json&) { return nth % 2 == 1 ? 10 : 0; });
  CHECK(bench.write(items(60)) == 60);
  CHECK(bench.table.size() == 60);
  std::size_t sent = 0;
  for (const auto& request : bench.server.requests()) {
    sent += json::parse(request.body)["RequestItems"]["t"].size();
  }
  CHECK(sent == 60 + 10 * bench.waits.size());
  CHECK_FALSE(bench.waits.empty());
}

TEST_CASE("dynamodb: an answer without UnprocessedItems leaves none") {
  Bench bench([](int, const json&) { return reply(200, {}, "{}"); });
  CHECK(bench.write(items(3)) == 3);
}

TEST_CASE("dynamodb: throttling and wrong sums are tried again") {
  Bench bench([](int nth, const json&) -> std::variant<int, Step> {
    if (nth == 1) return dynamodb_refusal(400, "ProvisionedThroughputExceededException");
    if (nth == 2) return dynamodb_refusal(400, "ThrottlingException");
    if (nth == 3) return dynamodb_refusal(500, "InternalServerError");
    if (nth == 4) return reply(200, {{"x-amz-crc32", "1"}}, "{\"UnprocessedItems\":{}}");
    if (nth == 5) return reply(200, {}, "not JSON");
    return 0;
  });
  CHECK(bench.write(items(5)) == 5);
  CHECK(bench.waits.size() == 5);
  CHECK(bench.table.size() == 5);
}

TEST_CASE("dynamodb: without progress it gives up, and says how much is written") {
  // The first batch is written but for five, and those never.
  Bench bench([](int nth, const json&) { return nth == 1 ? 5 : 25; });
  CHECK(bench.error(items(20)) ==
        "dynamodb://t: 15 of 20 items written, 5 not: 8 tries in a row left items unprocessed, the "
        "table's capacity is used up");
  CHECK(bench.table.size() == 15);
  CHECK(bench.server.requests().size() == 8);
}

TEST_CASE("dynamodb: slow progress is progress") {
  Bench bench([](int, const json& requests) { return static_cast<int>(requests.size()) - 1; });
  CHECK(bench.write(items(20)) == 20);
  CHECK(bench.server.requests().size() == 20);
}

TEST_CASE("dynamodb: a refusal ends it, with the batches under way counted") {
  Bench bench([](int nth, const json&) -> std::variant<int, Step> {
    if (nth == 2) return dynamodb_refusal(400, "ValidationException", "Too long.");
    return 0;
  });
  const auto error = bench.error(items(250));
  const auto written = bench.table.size();
  CHECK(error == "dynamodb://t: " + std::to_string(written) + " of 250 items written, " +
                     std::to_string(250 - written) + " not: 400 ValidationException: Too long.");
  CHECK(bench.server.requests().size() < 6);
  Bench gone([](int, const json&) {
    return dynamodb_refusal(400, "ResourceNotFoundException", "Requested resource not found");
  });
  CHECK(gone.error(items(1)) ==
        "dynamodb://t: 0 of 1 items written, 1 not: 400 ResourceNotFoundException: Requested "
        "resource not found");
}

TEST_CASE("dynamodb: throttled for good") {
  Bench bench(
      [](int, const json&) { return dynamodb_refusal(400, "ThrottlingException", "Slow."); });
  CHECK(bench.error(items(1)) ==
        "dynamodb://t: 0 of 1 items written, 1 not: BatchWriteItem: gave up after 8 tries: 400 "
        "ThrottlingException: Slow.");
}

TEST_CASE("dynamodb: answers that make no sense are not believed") {
  for (const json& unprocessed :
       {json::parse(R"({"t":[{"PutRequest":{"Item":{}}},{"PutRequest":{"Item":{}}}]})"),
        json::parse(R"({"u":[]})"), json::parse(R"({"t":{}})"), json::parse(R"({"t":[{"x":1}]})"),
        json::parse("[]")}) {
    Bench bench([&](int nth, const json&) -> std::variant<int, Step> {
      if (nth == 1) return reply(200, {}, json{{"UnprocessedItems", unprocessed}}.dump());
      return 0;
    });
    INFO(unprocessed.dump());
    CHECK(bench.write(items(1)) == 1);
    CHECK(bench.server.requests().size() == 2);
  }
}

TEST_CASE("dynamodb: answers that are too deep or too long, or hold a NUL, are not believed") {
  const auto deep = [](std::size_t levels) {
    return R"({"UnprocessedItems":{},"more":)" + std::string(levels, '[') +
           std::string(levels, ']') + "}";
  };
  CHECK(unprocessed_requests(deep(90), "t", 1)->empty());
  CHECK_FALSE(unprocessed_requests(deep(1'000'000), "t", 1));
  CHECK_FALSE(unprocessed_requests(deep(1) + std::string(18 << 20, ' '), "t", 1));
  CHECK_FALSE(unprocessed_requests(deep(1) + std::string("\0x", 2), "t", 1));
}

TEST_CASE("dynamodb: of items with the same key the last one stays") {
  Bench bench;
  auto twice = items(30);
  twice.push_back(item(3, "last"));
  twice.insert(twice.begin(), item(29, "first"));
  CHECK(bench.write(twice) == 32);
  CHECK(bench.table.size() == 30);
  CHECK(bench.table["3"]["Note"]["S"] == "last");
  CHECK(bench.table["29"]["Note"]["S"] == "n");
  CHECK_FALSE(bench.duplicates);
}

TEST_CASE("dynamodb: items that can't be sent are refused before anything is") {
  Bench bench;
  auto what = items(30);
  what.push_back(item(30, std::string(400 * 1024, 'x')));
  CHECK(bench.error(what) ==
        "dynamodb://t: the item with the key 1:p2:30 has 409618 bytes; DynamoDB takes 409600");
  what.back() = item(30, "\xFF");
  CHECK(bench.error(what) == "dynamodb://t: the attribute Note of an item isn't UTF-8");
  what.back() = {{"PK", io::AttributeType::string, "p"}};
  CHECK(bench.error(what) == "dynamodb://t: an item lacks the key SK");
  what.back() = item(30);
  what.back().push_back(what.back().back());
  CHECK(bench.error(what) == "dynamodb://t: an item has the attribute Value twice");
  CHECK(bench.server.requests().empty());
}

TEST_CASE("dynamodb: a request stays below 16 MiB, whatever the escapes take") {
  Bench bench;
  std::vector<io::Item> what;
  for (int i = 0; i < 25; ++i) what.push_back(item(i, std::string(300'000, '\x01')));  // six-fold
  CHECK(bench.write(what) == 25);
  CHECK(bench.server.requests().size() == 3);
  for (const auto& request : bench.server.requests()) {
    CHECK(request.body.size() <= std::size_t{16} << 20U);
  }
}

TEST_CASE("dynamodb: the size of an item") {
  using enum io::AttributeType;
  CHECK(item_size({{"ab", string, "cde"}}) == 5);
  CHECK(item_size({{"a", number, "12345"}}) == 5);
  CHECK(item_size({{"a", number, "-12.5e10"}}) == 5);
  CHECK(item_size({{"\xC3\xA4", string, "\xC3\xA4"}}) == 4);
}

TEST_CASE("dynamodb: CRC32 of a body") {
  CHECK(crc32_flaw({200, {{"x-amz-crc32", "2745614147"}}, "{}"}).empty());
  CHECK(crc32_flaw({200, {}, "{}"}).empty());
  CHECK(crc32_flaw({200, {{"x-amz-crc32", "2745614148"}}, "{}"}) ==
        "the body's CRC32 is 2745614147, not the 2745614148 of x-amz-crc32");
}
