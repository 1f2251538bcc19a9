#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aws/service_client.hpp"
#include "io/bytes.hpp"
#include "io/location.hpp"

namespace lambda::aws {

struct S3Options {
  std::size_t part_size = std::size_t{8} << 20U;  ///< Of a download or an upload in parts.
  std::size_t parts_at_once = 6;
  /// A larger object goes out in parts, which must have 5 MiB or more in S3.
  std::size_t multipart_threshold = std::size_t{16} << 20U;
};

/// A piece of an object that has arrived.
struct S3Part {
  std::shared_ptr<const io::Bytes> object;  ///< All of it; only what has been told of is there yet.
  std::size_t offset = 0;
  std::string_view bytes;  ///< In `object`.
};

/// Whole objects from and to S3.
///
/// The URL is `https://BUCKET.s3.REGION.amazonaws.com/KEY`, or `.../BUCKET/KEY` if the name of the
/// bucket has dots, which no certificate covers, or if the endpoint is one's own.
///
/// Errors are io::Error, one line such as `s3://bucket/key: 404 NoSuchKey: The specified key does
/// not exist.`
///
/// **Runs on**: the executor of the HttpClient; large bodies are hashed on a thread of their own.
/// **Cancellation**: terminal, partial and total; completes with `asio::error::operation_aborted`.
/// **Lifetime**: http and credentials must outlive the client, and the client its operations.
/// **Thread safety**: none beyond the executor's; any number of operations at once.
class S3Client {
 public:
  /// Called on the executor, must not block: for something long, give the part to the pool.
  using OnPart = std::function<void(const S3Part&)>;

  S3Client(HttpClient& http, CredentialsProvider& credentials, ServiceConfig config,
           S3Options options = {});

  /// An object in one block. The first request asks for one part and learns the size, with
  /// which the others begin, several at a time, into their places, on condition that the object is
  /// still the same. A part that comes short is asked for again.
  ///
  /// **Completes**: with the bytes; throws also if the object was replaced meanwhile.
  [[nodiscard]] asio::awaitable<io::Bytes> get(io::S3Object object);

  /// As `get`, and `on_part` hears of each part, in order and without gaps, as soon as it and all
  /// before it are there; not at all for an empty object. The bytes stay as long as somebody holds
  /// `object`, also if a later part fails. What `on_part` throws ends the download.
  [[nodiscard]] asio::awaitable<std::shared_ptr<const io::Bytes>> get_parts(io::S3Object object,
                                                                            OnPart on_part);

  /// Writes an object, all of it or nothing; in parts, several at a time, if it is large. A failed
  /// or cancelled upload in parts is aborted, so that nothing of it is kept (and billed); that has
  /// one try of five seconds, after a cancellation, which may be shortly before a deadline, of
  /// 100 ms. If the answer to the completion gets lost and S3 knows the upload no more, the
  /// object's size and ETag tell whether all is well.
  ///
  /// **Lifetime**: the bytes must be there until it completes.
  [[nodiscard]] asio::awaitable<void> put(io::S3Object object, std::string_view bytes,
                                          std::string content_type);

 private:
  struct Download;

  [[nodiscard]] ApiRequest request(std::string method, const io::S3Object& object) const;
  [[nodiscard]] asio::awaitable<Answer> send(const ApiRequest& request, const std::string& subject);
  [[nodiscard]] asio::awaitable<std::shared_ptr<io::Bytes>> download(io::S3Object object,
                                                                     OnPart on_part);
  [[nodiscard]] asio::awaitable<void> first_part(Download& download);
  [[nodiscard]] asio::awaitable<void> some_parts(Download& download, bool with_first);
  [[nodiscard]] asio::awaitable<void> next_part(Download& download, std::size_t index);

  [[nodiscard]] asio::awaitable<void> put_whole(const io::S3Object& object, std::string_view bytes,
                                                const std::string& content_type);
  [[nodiscard]] asio::awaitable<void> put_in_parts(const io::S3Object& object,
                                                   std::string_view bytes,
                                                   const std::string& content_type);
  [[nodiscard]] asio::awaitable<std::string> begin_upload(const io::S3Object& object,
                                                          const std::string& content_type);
  [[nodiscard]] asio::awaitable<void> upload_parts(const io::S3Object& object,
                                                   std::string_view bytes,
                                                   const std::string& upload_id);
  [[nodiscard]] asio::awaitable<void> abort_upload(const io::S3Object& object,
                                                   const std::string& upload_id,
                                                   std::chrono::milliseconds timeout);
  [[nodiscard]] asio::awaitable<void> complete_upload(const io::S3Object& object, std::size_t size,
                                                      const std::string& upload_id,
                                                      const std::vector<std::string>& etags);
  [[nodiscard]] asio::awaitable<bool> holds(const io::S3Object& object, std::size_t size,
                                            const std::string& etag);

  ServiceClient service_;
  S3Options options_;
};

/// `s3://bucket/key`, for messages.
[[nodiscard]] std::string to_string(const io::S3Object& object);

}  // namespace lambda::aws
