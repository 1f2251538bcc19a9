#include "aws/s3_client.hpp"

#include <stdexcept>
#include <utility>

#include "io/error.hpp"
#include "text/utf8.hpp"

namespace lambda::aws {
namespace {

// AWS's own: China has a domain of its own.
std::string aws_host(const std::string& region) {
  return "s3." + region + (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

}  // namespace

std::string to_string(const io::S3Object& object) {
  return text::printable_excerpt("s3://" + object.bucket + '/' + object.key, 200);
}

S3Client::S3Client(HttpClient& http, CredentialsProvider& credentials, ServiceConfig config,
                   S3Options options)
    : service_(http, credentials, "s3", std::move(config), &s3_error), options_(options) {
  if (options_.part_size == 0 || options_.parts_at_once == 0) {
    throw std::invalid_argument("part_size and parts_at_once must not be 0");
  }
}

ApiRequest S3Client::request(std::string method, const io::S3Object& object) const {
  // A bucket becomes a part of the URL, so it must not hold what ends or changes one.
  const auto odd = object.bucket.find_first_not_of(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
  if (object.bucket.empty() || odd != std::string::npos ||
      object.bucket.find_first_not_of('.') == std::string::npos) {
    throw io::Error{to_string(object) +
                    ": the name of a bucket has letters, digits, dots, hyphens and underscores"};
  }
  ApiRequest request;
  request.method = std::move(method);
  const ServiceConfig& config = service_.config();
  if (config.endpoint) {
    request.endpoint = *config.endpoint;
  } else {
    request.endpoint = {"https", aws_host(config.region)};
  }
  if (!config.endpoint && object.bucket.find('.') == std::string::npos) {
    request.endpoint.host = object.bucket + '.' + request.endpoint.host;
    request.path = '/' + object.key;
  } else {
    request.path = '/' + object.bucket + '/' + object.key;
  }
  // SHA-256 of nothing.
  request.payload_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  return request;
}

asio::awaitable<Answer> S3Client::send(const ApiRequest& request, const std::string& subject) {
  Answer answer = co_await service_.send(request, subject);
  if (answer.error) throw io::Error{subject + ": " + to_string(*answer.error)};
  co_return answer;
}

asio::awaitable<io::Bytes> S3Client::get(io::S3Object object) {
  const auto bytes = co_await download(std::move(object), nullptr);
  co_return std::move(*bytes);
}

asio::awaitable<std::shared_ptr<const io::Bytes>> S3Client::get_parts(io::S3Object object,
                                                                      OnPart on_part) {
  co_return co_await download(std::move(object), std::move(on_part));
}

}  // namespace lambda::aws
