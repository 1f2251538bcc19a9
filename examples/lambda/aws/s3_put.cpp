// The uploads of S3Client.
#include <algorithm>
#include <asio/this_coro.hpp>
#include <exception>
#include <pugixml.hpp>
#include <sstream>
#include <utility>
#include <vector>

#include "aws/digest.hpp"
#include "aws/s3_client.hpp"
#include "aws/side_by_side.hpp"
#include "io/blocking.hpp"
#include "io/error.hpp"
#include "runtime/log.hpp"

namespace lambda::aws {
namespace {

// S3's own limit.
constexpr std::size_t most_parts = 10'000;
// Some 100 us of hashing; not worth the way to another thread and back.
constexpr std::size_t hashed_at_once = std::size_t{64} << 10U;

asio::awaitable<std::string> sha256_off_loop(std::string_view bytes) {
  if (bytes.size() <= hashed_at_once) co_return sha256_hex(bytes);
  co_return co_await io::run_blocking([bytes] { return sha256_hex(bytes); });
}

std::string child_of_root(const HttpResponse& response, const char* root, const char* child) {
  pugi::xml_document document;
  if (!document.load_buffer(response.body.data(), response.body.size())) return {};
  return document.child(root).child_value(child);
}

std::string completion(const std::vector<std::string>& etags) {
  pugi::xml_document document;
  auto root = document.append_child("CompleteMultipartUpload");
  root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  for (std::size_t i = 0; i < etags.size(); ++i) {
    auto part = root.append_child("Part");
    part.append_child("PartNumber").text().set(static_cast<unsigned long long>(i + 1));
    part.append_child("ETag").text().set(etags[i].c_str());
  }
  std::ostringstream text;
  document.save(text, "", pugi::format_raw);
  return text.str();
}

}  // namespace

asio::awaitable<void> S3Client::put(io::S3Object object, std::string_view bytes,
                                    std::string content_type) {
  if (bytes.size() <= options_.multipart_threshold) {
    co_await put_whole(object, bytes, content_type);
  } else {
    co_await put_in_parts(object, bytes, content_type);
  }
}

asio::awaitable<void> S3Client::put_whole(const io::S3Object& object, std::string_view bytes,
                                          const std::string& content_type) {
  ApiRequest put = request("PUT", object);
  if (!content_type.empty()) put.headers.add("Content-Type", content_type);
  put.body = bytes;
  put.payload_sha256 = co_await sha256_off_loop(bytes);
  co_await send(put, to_string(object));
}

asio::awaitable<void> S3Client::put_in_parts(const io::S3Object& object, std::string_view bytes,
                                             const std::string& content_type) {
  const std::string upload_id = co_await begin_upload(object, content_type);
  std::exception_ptr failure;
  try {
    co_await upload_parts(object, bytes, upload_id);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure == nullptr) co_return;
  // Also for a cancelled upload, whose next co_await would throw at once.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await abort_upload(object, upload_id);
  co_await asio::this_coro::throw_if_cancelled(true);
  std::rethrow_exception(failure);
}

asio::awaitable<std::string> S3Client::begin_upload(const io::S3Object& object,
                                                    const std::string& content_type) {
  ApiRequest post = request("POST", object);
  post.query = {{"uploads", ""}};
  if (!content_type.empty()) post.headers.add("Content-Type", content_type);
  std::string upload_id;
  post.flaw = [&](const HttpResponse& response) -> std::string {
    upload_id = child_of_root(response, "InitiateMultipartUploadResult", "UploadId");
    return upload_id.empty() ? "an answer without an UploadId" : "";
  };
  co_await send(post, to_string(object));
  co_return upload_id;
}

asio::awaitable<void> S3Client::upload_parts(const io::S3Object& object, std::string_view bytes,
                                             const std::string& upload_id) {
  const std::size_t part_size =
      std::max(options_.part_size, (bytes.size() + most_parts - 1) / most_parts);
  std::vector<std::string> etags((bytes.size() + part_size - 1) / part_size);
  const std::string subject = to_string(object);
  auto upload = [&](std::size_t index) -> asio::awaitable<void> {
    ApiRequest put = request("PUT", object);
    put.query = {{"partNumber", std::to_string(index + 1)}, {"uploadId", upload_id}};
    put.body = bytes.substr(index * part_size, part_size);
    put.payload_sha256 = co_await sha256_off_loop(put.body);
    put.flaw = [&](const HttpResponse& response) -> std::string {
      etags[index] = response.headers.get("ETag");
      return etags[index].empty() ? "an answer without an ETag" : "";
    };
    co_await send(put, subject);
  };
  co_await side_by_side(etags.size(), options_.parts_at_once, std::move(upload));

  const std::string body = completion(etags);
  ApiRequest post = request("POST", object);
  post.query = {{"uploadId", upload_id}};
  post.headers.add("Content-Type", "application/xml");
  post.body = body;
  post.payload_sha256 = sha256_hex(body);
  post.flaw = [](const HttpResponse& response) -> std::string {
    const auto etag = child_of_root(response, "CompleteMultipartUploadResult", "ETag");
    return etag.empty() ? "an answer that doesn't say that the upload is complete" : "";
  };
  co_await send(post, subject);
}

asio::awaitable<void> S3Client::abort_upload(const io::S3Object& object,
                                             const std::string& upload_id) {
  ServiceConfig once = service_.config();
  once.retry.backoff.max_failures = 1;
  once.request_timeout = std::chrono::seconds(5);
  ServiceClient service = service_.with(std::move(once));
  ApiRequest abort = request("DELETE", object);
  abort.query = {{"uploadId", upload_id}};
  std::string problem;
  try {
    const Answer answer = co_await service.send(abort, to_string(object));
    if (answer.error) problem = to_string(*answer.error);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  // The error that the caller gets is the first one.
  if (!problem.empty()) {
    log_warn(
        "an upload in parts could not be aborted; its parts stay until a lifecycle rule or "
        "somebody removes them",
        {{"subject", to_string(object)}, {"uploadId", upload_id}, {"error", problem}});
  }
}

}  // namespace lambda::aws
