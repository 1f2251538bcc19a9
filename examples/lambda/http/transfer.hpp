/// One request as an easy handle of libcurl's. Internal to the HTTP client.
#pragma once

#include <curl/curl.h>

#include <array>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "http/curl_error.hpp"
#include "http/header_list.hpp"
#include "http/http_client.hpp"
#include "http/multi.hpp"

namespace lambda {

/// One request under way: the easy handle, and where its response is gathered.
class HttpClient::Transfer {
 public:
  Transfer(std::shared_ptr<Multi> multi, HttpRequest request);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  [[nodiscard]] asio::awaitable<HttpResponse> run();

  void finish(CURLcode result) {
    result_ = result;
    wake_.cancel();
  }
  void abort() { wake_.cancel(); }
  [[nodiscard]] CURL* handle() const { return handle_.get(); }

 private:
  struct Cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };

  template <class Value>
  void set(CURLoption option, Value value) {
    const CURLcode result = curl_easy_setopt(handle_.get(), option, value);
    if (result != CURLE_OK) throw std::system_error(http_error(result), description());
  }

  void set_connection();
  void set_method_and_body();
  [[nodiscard]] std::string_view body() const {
    return request_.borrowed_body.empty() ? request_.body : request_.borrowed_body;
  }
  void set_upload();
  void end_upload();
  void set_headers();
  void receive(std::string_view bytes);
  [[nodiscard]] int status() const;
  [[nodiscard]] std::string description() const { return request_.method + " " + request_.url; }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_upload(char* to, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_trailers(curl_slist** list, void* self) noexcept;

  std::shared_ptr<Multi> multi_;
  HttpRequest request_;
  HttpResponse response_;
  HeaderList header_list_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  bool body_began_ = false;
  std::optional<std::span<char>> place_;
  std::exception_ptr failure_;  // of ours, from inside one of curl's callbacks
  // Never expires; cancelling it is how `finish` resumes the coroutine. A cancellation of the
  // coroutine arrives the same way, and `result_` tells one from the other.
  asio::steady_timer wake_;
  std::optional<CURLcode> result_;
  std::unique_ptr<CURL, Cleanup> handle_;
};

}  // namespace lambda
