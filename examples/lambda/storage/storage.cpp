#include "storage/storage.hpp"

#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#include <cstdlib>
#include <optional>
#include <utility>

#include "aws/adapters.hpp"
#include "io/file_sink.hpp"
#include "io/file_source.hpp"
#include "io/location.hpp"
#include "storage/storage_aws.hpp"

namespace lambda {
namespace {

// A service of the context, so that the connections are closed before it goes.
class StorageService : public asio::execution_context::service {
 public:
  using key_type = StorageService;
  inline static asio::execution_context::id id;

  explicit StorageService(asio::execution_context& context) : service(context) {}

  Storage& get(const asio::any_io_executor& executor) {
    if (!storage_) {
      storage_.emplace(executor, [](const char* variable) { return std::getenv(variable); });
    }
    return *storage_;
  }

 private:
  void shutdown() override { storage_.reset(); }

  std::optional<Storage> storage_;
};

}  // namespace

Storage::Storage(asio::any_io_executor executor, aws::Environment environment,
                 aws::RetryOptions retry)
    : executor_(std::move(executor)),
      environment_(std::move(environment)),
      retry_(std::move(retry)) {}

Storage::~Storage() = default;

Storage::Aws& Storage::aws() {
  if (aws_ == nullptr) aws_ = std::make_unique<Aws>(executor_, environment_, retry_);
  return *aws_;
}

aws::S3Client& Storage::s3() {
  Aws& clients = aws();
  if (!clients.s3) {
    auto config = aws::ServiceConfig::from_environment(environment_, "S3");
    config.retry = retry_;
    clients.s3.emplace(clients.http, clients.credentials, std::move(config));
  }
  return *clients.s3;
}

asio::awaitable<io::Bytes> Storage::get(std::string location) {
  if (io::s3_object(location)) {
    aws::S3Source source(s3());
    co_return co_await source.get(std::move(location));
  }
  io::FileSource source;
  co_return co_await source.get(std::move(location));
}

asio::awaitable<void> Storage::get_arriving(std::string location, OnArrival on_arrival) {
  if (io::s3_object(location)) {
    aws::S3Source source(s3());
    co_await source.get_arriving(std::move(location), std::move(on_arrival));
    co_return;
  }
  io::FileSource source;
  co_await source.get_arriving(std::move(location), std::move(on_arrival));
}

asio::awaitable<void> Storage::put(std::string location, std::string_view bytes,
                                   std::string content_type) {
  if (io::s3_object(location)) {
    aws::S3Sink sink(s3());
    co_await sink.put(std::move(location), bytes, std::move(content_type));
    co_return;
  }
  io::FileSink sink;
  co_await sink.put(std::move(location), bytes, std::move(content_type));
}

Storage& storage_of(const asio::any_io_executor& executor) {
  auto& context = asio::query(executor, asio::execution::context);
  return asio::use_service<StorageService>(context).get(executor);
}

}  // namespace lambda
