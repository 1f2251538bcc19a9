// Apart from storage.cpp, so that a handler that only has objects doesn't link, and load at a cold
// start, the database.
#include <string>
#include <utility>
#include <vector>

#include "aws/adapters.hpp"
#include "io/location.hpp"
#include "io/sqlite_sink.hpp"
#include "storage/storage_aws.hpp"

namespace lambda {

std::unique_ptr<io::ItemSink> Storage::item_sink(const std::string& location,
                                                 io::SqliteTable table) {
  auto name = io::dynamodb_table(location);
  if (!name) return std::make_unique<io::SqliteSink>(location, std::move(table));
  Aws& clients = aws();
  if (!clients.dynamodb) {
    auto config = aws::ServiceConfig::from_environment(environment_, "DYNAMODB");
    config.retry = retry_;
    clients.dynamodb.emplace(clients.http, clients.credentials, std::move(config));
  }
  std::vector<std::string> key{table.columns.at(0).name, table.columns.at(1).name};
  return std::make_unique<aws::DynamoDbSink>(*clients.dynamodb, std::move(*name), std::move(key));
}

}  // namespace lambda
