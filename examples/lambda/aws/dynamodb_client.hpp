#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aws/service_client.hpp"
#include "io/item_sink.hpp"

namespace lambda::aws {

struct DynamoDbOptions {
  std::size_t batches_at_once = 6;
};

/// Items to DynamoDB tables.
///
/// **Runs on**: the executor of the HttpClient. **Lifetime**: http and credentials must outlive the
/// client, and the client its operations. **Thread safety**: none beyond the executor's; any number
/// of operations at once.
class DynamoDbClient {
 public:
  DynamoDbClient(HttpClient& http, CredentialsProvider& credentials, ServiceConfig config,
                 DynamoDbOptions options = {});

  /// Writes all items, in batches of 25, several at a time. An item whose key is there already is
  /// replaced; of items with the same key the last one stays. `key` names the table's key
  /// attributes. What a batch leaves unprocessed joins a later one after a back-off. An answer
  /// whose `x-amz-crc32` is wrong is asked for again, which is safe, as a put can be repeated.
  ///
  /// **Completes**: when all are written, with their number, replaced ones included; throws
  /// io::Error, one line that says how many were written and how many were not, after too many
  /// tries without progress, a refusal, or (before anything is sent) for an item that can't be
  /// sent, see `put_requests`.
  /// **Cancellation**: terminal, partial and total; completes with
  /// `asio::error::operation_aborted`, some items written.
  /// **Lifetime**: the items must be there until it completes.
  [[nodiscard]] asio::awaitable<io::WriteReport> batch_write(std::string table,
                                                             std::span<const io::Item> items,
                                                             std::vector<std::string> key);

 private:
  struct Work;

  [[nodiscard]] asio::awaitable<void> run_lane(Work& work);
  [[nodiscard]] asio::awaitable<std::vector<std::string>> write(
      const Work& work, const std::vector<std::string>& batch);

  ServiceClient service_;
  DynamoDbOptions options_;
};

/// The put requests that an answer to BatchWriteItem leaves to be sent again, as it has them;
/// nothing if the body isn't an answer to a batch of `sent` items for this table.
[[nodiscard]] std::optional<std::vector<std::string>> unprocessed_requests(const std::string& body,
                                                                           const std::string& table,
                                                                           std::size_t sent);

/// Why the body isn't what the service sent, by its `x-amz-crc32`; empty if it is, or has no sum.
[[nodiscard]] std::string crc32_flaw(const HttpResponse& response);

}  // namespace lambda::aws
