#include "http/transfer.hpp"

#include <algorithm>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <new>
#include <stdexcept>
#include <utility>

#include "http/upload.hpp"

namespace lambda {
namespace {

/// A curl without TLS knows neither the name "https" nor an option of TLS.
bool has_tls() {
  static const bool tls = (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_SSL) != 0;
  return tls;
}

}  // namespace

HttpClient::Transfer::Transfer(std::shared_ptr<Multi> multi, HttpRequest request)
    : multi_(std::move(multi)),
      request_(std::move(request)),
      wake_(multi_->executor(), asio::steady_timer::time_point::max()),
      handle_(curl_easy_init()) {
  if (handle_ == nullptr) throw std::bad_alloc();
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, has_tls() ? "http,https" : "http");
  set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  set(CURLOPT_NOSIGNAL, 1L);
  // Fewer turns of the loop for a body of several megabytes.
  set(CURLOPT_BUFFERSIZE, 256L * 1024);
  set(CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
  set_connection();
  if (request_.timeout) {
    // To curl zero means for ever.
    set(CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(request_.timeout->count())));
  }
  set(CURLOPT_ERRORBUFFER, error_text_.data());
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set_method_and_body();
  set_headers();
}

HttpClient::Transfer::~Transfer() {
  if (request_.upload) request_.upload->detach();
  multi_->remove(*this);
}

void HttpClient::Transfer::set_connection() {
  const HttpClientConfig& config = multi_->config();
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config.connect_timeout.count()));
  if (config.low_speed_time.count() > 0) {
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(config.low_speed_time.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, config.low_speed);
  }
  if (has_tls()) {
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!config.ca_bundle.empty()) set(CURLOPT_CAINFO, config.ca_bundle.c_str());
  }
  if (!config.proxy_from_environment) set(CURLOPT_PROXY, "");
  // A key such as "a/../b" is a name, not a way.
  set(CURLOPT_PATH_AS_IS, 1L);
}

void HttpClient::Transfer::set_method_and_body() {
  if (request_.upload) {
    set_upload();
  } else if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request_.method == "GET" && body().empty()) {
    set(CURLOPT_HTTPGET, 1L);
  } else {
    // Also for PUT and DELETE: POSTFIELDS lets curl rewind the body when it has to send it again
    // because the server has closed a kept connection.
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body().size()));
    set(CURLOPT_POSTFIELDS, body().data() == nullptr ? "" : body().data());
    if (request_.method != "POST") set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
}

void HttpClient::Transfer::set_upload() {
  set(CURLOPT_POST, 1L);
  if (request_.method != "POST") set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  header_list_.add("Transfer-Encoding: chunked");
  set(CURLOPT_READFUNCTION, &Transfer::on_upload);
  set(CURLOPT_READDATA, this);
  set(CURLOPT_TRAILERFUNCTION, &Transfer::on_trailers);
  set(CURLOPT_TRAILERDATA, this);
  // From a coroutine that writes, never from inside a callback of curl's.
  request_.upload->attach([this] {
    if (!result_ && !multi_->closed()) curl_easy_pause(handle_.get(), CURLPAUSE_CONT);
  });
}

std::size_t HttpClient::Transfer::on_upload(char* to, std::size_t size, std::size_t count,
                                            void* self) noexcept {
  return static_cast<Transfer*>(self)
      ->request_.upload->take(to, size * count)
      .value_or(CURL_READFUNC_PAUSE);
}

int HttpClient::Transfer::on_trailers(curl_slist** list, void* self) noexcept {
  for (const auto& [name, value] : static_cast<Transfer*>(self)->request_.upload->trailers()) {
    curl_slist* longer = nullptr;
    try {
      longer = curl_slist_append(*list, (name + ": " + value).c_str());
    } catch (const std::bad_alloc&) {
      return CURL_TRAILERFUNC_ABORT;
    }
    if (longer == nullptr) return CURL_TRAILERFUNC_ABORT;
    *list = longer;  // curl frees it
  }
  return CURL_TRAILERFUNC_OK;
}

void HttpClient::Transfer::end_upload() {
  if (!request_.upload) return;
  std::string why = description() + ": the request has ended";
  if (result_ == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    why += ", answered " + std::to_string(status);
  } else if (error_text_.front() != '\0') {
    why += std::string(", ") + error_text_.data();
  }
  request_.upload->close(std::make_exception_ptr(
      std::system_error(std::make_error_code(std::errc::broken_pipe), why)));
}

void HttpClient::Transfer::set_headers() {
  // Without a server that answers "100 Continue", curl would wait a second before each big body.
  header_list_.add("Expect:");
  if (!request_.headers.find("Content-Type")) header_list_.add("Content-Type:");
  for (const auto& [name, value] : request_.headers) {
    if ((name + value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw std::invalid_argument("line break in HTTP header " + name);
    }
    header_list_.add(value.empty() ? name + ";" : name + ": " + value);
  }
  set(CURLOPT_HTTPHEADER, header_list_.get());
}

std::size_t HttpClient::Transfer::on_header(char* data, std::size_t size, std::size_t count,
                                            void* self) noexcept {
  try {
    HttpHeaders& headers = static_cast<Transfer*>(self)->response_.headers;
    std::string_view line(data, size * count);
    if (line.starts_with("HTTP/")) {
      headers.clear();  // an interim response came before this one
      return size * count;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size * count;
    std::string_view value = line.substr(colon + 1);
    constexpr std::string_view blank = " \t\r\n";
    value.remove_prefix(std::min(value.find_first_not_of(blank), value.size()));
    value.remove_suffix(value.size() - (value.find_last_not_of(blank) + 1));
    headers.add(std::string(line.substr(0, colon)), std::string(value));
    return size * count;
  } catch (...) {
    return 0;  // curl ends the transfer with CURLE_WRITE_ERROR
  }
}

std::size_t HttpClient::Transfer::on_body(char* data, std::size_t size, std::size_t count,
                                          void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    transfer.receive({data, size * count});
    return size * count;
  } catch (...) {
    transfer.failure_ = std::current_exception();
    return 0;
  }
}

void HttpClient::Transfer::receive(std::string_view bytes) {
  if (!std::exchange(body_began_, true) && request_.into) {
    response_.status = status();
    place_ = request_.into(response_);
  }
  if (!place_) {
    response_.body.append(bytes);
    return;
  }
  if (bytes.size() > place_->size() - response_.placed) {
    throw std::system_error(std::make_error_code(std::errc::message_size),
                            description() + ": the body has more than the expected " +
                                std::to_string(place_->size()) + " bytes");
  }
  std::copy(bytes.begin(), bytes.end(),
            place_->begin() + static_cast<std::ptrdiff_t>(response_.placed));
  response_.placed += bytes.size();
}

int HttpClient::Transfer::status() const {
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

asio::awaitable<HttpResponse> HttpClient::Transfer::run() {
  if (multi_->closed()) throw std::system_error(asio::error::operation_aborted, description());
  multi_->add(*this);
  std::error_code ignored;
  co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  end_upload();
  if (!result_) throw std::system_error(asio::error::operation_aborted, description());
  if (failure_) std::rethrow_exception(failure_);
  if (*result_ != CURLE_OK) {
    std::string what = description();
    if (error_text_.front() != '\0') what += std::string(": ") + error_text_.data();
    throw std::system_error(http_error(*result_), what);
  }
  response_.status = status();
  co_return std::move(response_);
}

}  // namespace lambda
