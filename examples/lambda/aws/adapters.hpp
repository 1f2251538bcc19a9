/// S3 and DynamoDB as sources and sinks of a handler.
///
/// **Lifetime**: the client must outlive the adapter. Otherwise as the client's operations.
#pragma once

#include <string>
#include <vector>

#include "aws/dynamodb_client.hpp"
#include "aws/s3_client.hpp"
#include "io/item_sink.hpp"
#include "io/object_sink.hpp"
#include "io/object_source.hpp"

namespace lambda::aws {

/// Locations are `s3://bucket/key`.
class S3Source final : public io::ObjectSource {
 public:
  explicit S3Source(S3Client& client) : client_(client) {}

  [[nodiscard]] asio::awaitable<io::Bytes> get(std::string location) override;
  [[nodiscard]] asio::awaitable<void> get_arriving(std::string location,
                                                   OnArrival on_arrival) override;

 private:
  S3Client& client_;
};

/// Locations are `s3://bucket/key`.
class S3Sink final : public io::ObjectSink {
 public:
  explicit S3Sink(S3Client& client) : client_(client) {}

  [[nodiscard]] asio::awaitable<void> put(std::string location, std::string_view bytes,
                                          std::string content_type) override;

 private:
  S3Client& client_;
};

class DynamoDbSink final : public io::ItemSink {
 public:
  /// `key` names the table's key attributes.
  DynamoDbSink(DynamoDbClient& client, std::string table, std::vector<std::string> key)
      : client_(client), table_(std::move(table)), key_(std::move(key)) {}

  [[nodiscard]] asio::awaitable<io::WriteReport> put(std::span<const io::Item> items) override {
    return client_.batch_write(table_, items, key_);
  }

 private:
  DynamoDbClient& client_;
  std::string table_;
  std::vector<std::string> key_;
};

}  // namespace lambda::aws
