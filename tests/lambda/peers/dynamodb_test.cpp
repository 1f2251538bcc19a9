// DynamoDbClient against dynalite, read back by AWS's SDK.
#include "aws/dynamodb_client.hpp"

#include <algorithm>
#include <map>

#include "aws_peers.hpp"
#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using lambda::io::AttributeType;
using lambda::io::Error;
using lambda::io::Item;
using lambda::testing::ask_sdk;
using lambda::testing::Clients;
using lambda::testing::dynalite;
using lambda::testing::enough_tries;
using lambda::testing::FaultProxy;
using nlohmann::json;

namespace {

std::string make_table() {
  static int count = 0;
  const std::string table = "table-" + std::to_string(++count);
  ask_sdk({"dynamodb", "create-table", table});
  return table;
}

Item item(const std::string& partition, const std::string& sort, const std::string& text,
          const std::string& number) {
  return {{"PK", AttributeType::string, partition},
          {"SK", AttributeType::string, sort},
          {"Text", AttributeType::string, text},
          {"Number", AttributeType::number, number}};
}

std::vector<Item> items(int count) {
  std::vector<Item> result;
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    result.push_back(item("request", "#a b\"\\/\u00e4\U0001F600#" + n, "text\t\n\x01 " + n,
                          n + "." + std::to_string(i % 9 + 1)));
  }
  return result;
}

/// (PK, SK) -> the item as DynamoDB's JSON.
using Table = std::map<std::pair<std::string, std::string>, json>;

Table expected(const std::vector<Item>& items) {
  Table table;
  for (const Item& one : items) {
    json attributes;
    for (const auto& [name, type, text] : one) {
      attributes[name] = {{type == AttributeType::string ? "S" : "N", text}};
    }
    table[{one[0].text, one[1].text}] = attributes;
  }
  return table;
}

Table scan(const std::string& name) {
  Table table;
  for (const json& one : ask_sdk({"dynamodb", "scan", name})) {
    table[{one.at("PK").at("S"), one.at("SK").at("S")}] = one;
  }
  return table;
}

}  // namespace

TEST_CASE("items arrive as they are") {
  for (const int count : {0, 1, 25, 26, 400}) {
    INFO(count);
    const std::string table = make_table();
    Clients clients;
    CHECK(clients.write(table, items(count)) == static_cast<std::size_t>(count));
    CHECK((scan(table) == expected(items(count))));
  }
}

TEST_CASE("an item whose key is there is replaced and of equal keys the last stays") {
  const std::string table = make_table();
  Clients clients;
  clients.write(table, items(30));
  std::vector<Item> again = items(30);
  for (Item& one : again) one[2].text = "new";
  again.push_back(item("request", again[0][1].text, "newest", "1"));
  clients.write(table, again);
  CHECK((scan(table) == expected(again)));
}

TEST_CASE("items get through whatever happens on the way") {
  json all = json::object();
  for (int seed = 1; seed <= 4; ++seed) {
    const std::string table = make_table();
    FaultProxy proxy(dynalite(),
                     "unprocessed-items=30%,throttling=10%,provisioned-throughput=5%,"
                     "reset-before=5%,reset-after=5%,internal-error=5%,wrong-crc32=5%,truncate=5%,"
                     "corrupt=5%,slow:bytes=1:delay=0=5%",
                     seed);
    Clients::Options options;
    options.dynamodb_endpoint = proxy.endpoint();
    options.tries = enough_tries;
    Clients clients(options);
    CHECK(clients.write(table, items(400)) == 400);
    CHECK((scan(table) == expected(items(400))));
    const json counts = proxy.counts();
    INFO(counts);
    CHECK(counts.at("upstream_failures") == 0);
    all.update(counts.at("faults"));
  }
  INFO(all);
  CHECK(all.size() == 10);
}

TEST_CASE("what DynamoDB refuses is one line that says why and what was written") {
  Clients clients;
  CHECK_THAT(test::message_of<Error>([&] { return clients.write("no-such-table", items(3)); }),
             Catch::Contains("no-such-table") &&
                 Catch::Contains("400 ResourceNotFoundException: Requested resource not found") &&
                 !Catch::Contains("\n"));

  const std::string table = make_table();
  FaultProxy proxy(dynalite(), "throttling=100%");
  Clients::Options options;
  options.dynamodb_endpoint = proxy.endpoint();
  options.tries = 3;
  Clients throttled(options);
  CHECK_THAT(test::message_of<Error>([&] { return throttled.write(table, items(3)); }),
             Catch::Contains(table) && Catch::Contains("ThrottlingException") &&
                 Catch::Contains("0") && Catch::Contains("3") && !Catch::Contains("\n"));
  CHECK(scan(table).empty());
}
