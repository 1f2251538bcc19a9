#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "aws/environment.hpp"
#include "aws/retry.hpp"
#include "aws/s3_client.hpp"
#include "io/item_sink.hpp"
#include "io/object_sink.hpp"
#include "io/object_source.hpp"
#include "io/sqlite_sink.hpp"

namespace lambda {

/// Objects and items wherever they are: `s3://bucket/key` in S3, `dynamodb://table` in DynamoDB,
/// anything else in a local file.
///
/// What AWS needs is made when the first location asks for it, and kept: connections, credentials.
///
/// **Runs on**: the executor, which must not run two handlers at a time. **Lifetime**: it must
/// outlive its operations and sinks. **Thread safety**: none beyond the executor's.
class Storage final : public io::ObjectSource, public io::ObjectSink {
 public:
  explicit Storage(asio::any_io_executor executor, aws::Environment environment,
                   aws::RetryOptions retry = {});
  ~Storage() override;

  [[nodiscard]] asio::awaitable<io::Bytes> get(std::string location) override;
  [[nodiscard]] asio::awaitable<void> get_arriving(std::string location,
                                                   OnArrival on_arrival) override;
  [[nodiscard]] asio::awaitable<void> put(std::string location, std::string_view bytes,
                                          std::string content_type) override;

  /// `table` says what a SQLite file gets; its first two columns are the key in DynamoDB, too.
  /// Throws io::Error for a location that can't be one.
  [[nodiscard]] std::unique_ptr<io::ItemSink> item_sink(const std::string& location,
                                                        io::SqliteTable table);

  /// For more than whole objects. Throws io::Error if the environment names no region.
  [[nodiscard]] aws::S3Client& s3();

 private:
  struct Aws;
  [[nodiscard]] Aws& aws();

  asio::any_io_executor executor_;
  aws::Environment environment_;
  aws::RetryOptions retry_;
  std::unique_ptr<Aws> aws_;
};

/// The Storage of a context, made from the process's environment at the first call and kept until
/// the context is destroyed: one for all invocations, so that connections are used again.
///
/// **Runs on**: `executor`'s context, which must have one thread.
[[nodiscard]] Storage& storage_of(const asio::any_io_executor& executor);

}  // namespace lambda
