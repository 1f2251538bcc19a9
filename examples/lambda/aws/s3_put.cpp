// The uploads of S3Client.
#include <algorithm>
#include <asio/cancellation_type.hpp>
#include <asio/this_coro.hpp>
#include <charconv>
#include <chrono>
#include <exception>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "aws/digest.hpp"
#include "aws/s3_client.hpp"
#include "io/blocking.hpp"
#include "io/error.hpp"
#include "io/side_by_side.hpp"
#include "runtime/log.hpp"

namespace lambda::aws {
namespace {

constexpr std::string_view no_such_upload = "NoSuchUpload";
// S3's own limit.
constexpr std::size_t most_parts = 10'000;
// Half of the time that a function has left by default when its deadline cancels an upload.
constexpr std::chrono::milliseconds hurried_abort{100};
constexpr std::chrono::milliseconds patient_abort{5'000};
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

// The ETag that S3 gives to what is made of these parts: the MD5 of their MD5s, and their number.
// Empty if theirs are none, which encryption with a key of KMS brings about.
std::string etag_of_parts(const std::vector<std::string>& etags) {
  std::string sums;
  for (const auto& etag : etags) {
    if (etag.size() != 34 || etag.front() != '"' || etag.back() != '"') return {};
    for (std::size_t i = 1; i < 33; i += 2) {
      unsigned byte = 0;
      const char* const digits = etag.data() + i;
      const auto [end, error] = std::from_chars(digits, digits + 2, byte, 16);
      if (error != std::errc{} || end != digits + 2) return {};
      sums += static_cast<char>(byte);
    }
  }
  return '"' + hex(md5(sums)) + '-' + std::to_string(etags.size()) + '"';
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
  const auto state = co_await asio::this_coro::cancellation_state;
  const bool cancelled = state.cancelled() != asio::cancellation_type::none;
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await abort_upload(object, upload_id, cancelled ? hurried_abort : patient_abort);
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
  co_await io::side_by_side(etags.size(), options_.parts_at_once, std::move(upload));

  co_await complete_upload(object, bytes.size(), upload_id, etags);
}

asio::awaitable<void> S3Client::complete_upload(const io::S3Object& object, std::size_t size,
                                                const std::string& upload_id,
                                                const std::vector<std::string>& etags) {
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
  const std::string subject = to_string(object);
  const Answer answer = co_await service_.send(post, subject);
  if (!answer.error) co_return;
  // After a try that was done, but whose answer got lost.
  if (answer.error->code == no_such_upload && co_await holds(object, size, etag_of_parts(etags))) {
    co_return;
  }
  throw io::Error{subject + ": " + to_string(*answer.error)};
}

asio::awaitable<bool> S3Client::holds(const io::S3Object& object, std::size_t size,
                                      const std::string& etag) {
  if (etag.empty()) co_return false;
  try {
    const ApiRequest head = request("HEAD", object);
    const Answer answer = co_await service_.send(head, to_string(object));
    const auto& headers = answer.response.headers;
    co_return !answer.error && headers.get("Content-Length") == std::to_string(size) &&
        headers.get("ETag") == etag;
  } catch (const io::Error&) {
    co_return false;  // the error that the caller gets is the first one
  }
}

asio::awaitable<void> S3Client::abort_upload(const io::S3Object& object,
                                             const std::string& upload_id,
                                             std::chrono::milliseconds timeout) {
  ServiceConfig once = service_.config();
  once.retry.backoff.max_failures = 1;
  once.request_timeout = timeout;
  ServiceClient service = service_.with(std::move(once));
  ApiRequest abort = request("DELETE", object);
  abort.query = {{"uploadId", upload_id}};
  std::string problem;
  try {
    const Answer answer = co_await service.send(abort, to_string(object));
    if (answer.error && answer.error->code != no_such_upload) problem = to_string(*answer.error);
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
