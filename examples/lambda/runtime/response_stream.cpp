#include "response_stream.hpp"

#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "http/upload.hpp"

namespace lambda {
namespace {

// Servers bound the size of a header field; this is at most 32 KiB, when every byte of it has to be
// escaped and then becomes base64.
constexpr std::size_t most_message_bytes = 4 * 1024;

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8U | (j < group.size() ? static_cast<unsigned char>(group[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      result += j <= group.size() ? digits[bits >> (18U - 6U * j) & 63U] : '=';
    }
  }
  return result;
}

}  // namespace

HttpHeaders error_trailers(const ErrorReport& error) {
  const ErrorReport shortened{error.type, error.message.substr(0, most_message_bytes)};
  return {{"Lambda-Runtime-Function-Error-Type", error.type},
          {"Lambda-Runtime-Function-Error-Body", base64(shortened.body())}};
}

/// The request that carries the reply, which goes on by itself while the handler writes.
struct ResponseStream::Post {
  explicit Post(const asio::any_io_executor& executor)
      : ended(executor, asio::steady_timer::time_point::max()) {}

  asio::steady_timer ended;  // never expires; cancelled at the end
  std::optional<ReplyOutcome> outcome;
  std::exception_ptr failure;
};

ResponseStream::ResponseStream(asio::any_io_executor executor, RuntimeClient& client,
                               const Context& context)
    : executor_(std::move(executor)), client_(client), context_(context) {}

ResponseStream::~ResponseStream() = default;

void ResponseStream::content_type(std::string type) {
  if (started()) throw std::logic_error("content_type: the reply has begun");
  content_type_ = std::move(type);
}

void ResponseStream::prelude(int status, const HttpHeaders& headers,
                             const std::vector<std::string>& cookies) {
  if (started()) throw std::logic_error("prelude: the reply has begun");
  if (status < 100 || status > 599) {
    throw std::invalid_argument("prelude: the status must be from 100 to 599, not " +
                                std::to_string(status));
  }
  nlohmann::json fields = nlohmann::json::object();
  for (const auto& [name, value] : headers) {
    // The format has one value per name; several of one name are one list.
    std::string text = fields.contains(name) ? fields[name].get<std::string>() + ", " : "";
    fields[name] = text + value;
  }
  nlohmann::json head = {{"statusCode", status}, {"headers", std::move(fields)}};
  if (!cookies.empty()) head["cookies"] = cookies;
  content_type_ = "application/vnd.awslambda.http-integration-response";
  prelude_ = head.dump() + std::string(8, '\0');
}

std::uint64_t ResponseStream::bytes() const {
  return started() ? upload_->size() : 0;
}

void ResponseStream::start() {
  upload_ = std::make_shared<HttpUpload>(executor_);
  post_ = std::make_shared<Post>(executor_);
  auto work = client_.post_stream(context_, content_type_, upload_);
  asio::co_spawn(executor_, std::move(work),
                 [post = post_](std::exception_ptr failure, ReplyOutcome outcome) {
                   post->failure = std::move(failure);
                   post->outcome = outcome;
                   post->ended.cancel();
                 });
}

asio::awaitable<void> ResponseStream::write(std::string_view bytes) {
  if (!started()) {
    start();
    if (!prelude_.empty()) co_await upload_->write(prelude_);
  }
  co_await upload_->write(bytes);
}

asio::awaitable<ReplyOutcome> ResponseStream::finish(const ErrorReport* error) {
  // A handler that has written nothing replies with nothing, but it does reply.
  if (!started()) co_await write({});
  upload_->finish(error == nullptr ? HttpHeaders{} : error_trailers(*error));
  while (!post_->outcome) {
    std::error_code ignored;
    co_await post_->ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (post_->failure) std::rethrow_exception(post_->failure);
  co_return *post_->outcome;
}

}  // namespace lambda
