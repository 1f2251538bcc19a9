/// The driver of libcurl's multi interface. Internal to the HTTP client.
#pragma once

#include <curl/curl.h>

#include <asio/any_io_executor.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <unordered_map>
#include <vector>

#include "http/http_client.hpp"

namespace lambda {

/// curl's multi handle, with the sockets and the timer that it asks for.
///
/// Curl may not be called from inside its own callbacks, so those only arm waits; what the waits
/// start is always a fresh handler. The handlers hold a `weak_ptr`: after `close` they find
/// nothing to do.
class HttpClient::Multi : public std::enable_shared_from_this<Multi> {
 public:
  Multi(asio::any_io_executor executor, const HttpClientConfig& config);
  ~Multi() { close(); }
  Multi(const Multi&) = delete;
  Multi& operator=(const Multi&) = delete;

  void add(Transfer& transfer);
  void remove(Transfer& transfer);
  void close();

  [[nodiscard]] const HttpClientConfig& config() const { return config_; }
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] bool closed() const { return handle_ == nullptr; }

 private:
  struct Cleanup {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
  };

  /// One descriptor that curl has asked us to watch. Curl owns it; we only lend it to the reactor.
  struct Socket {
    Socket(const asio::any_io_executor& executor, curl_socket_t fd)
        : descriptor(executor, fd), number(fd) {}
    ~Socket() { descriptor.release(); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;

    asio::posix::stream_descriptor descriptor;
    curl_socket_t number;
    int wanted = CURL_POLL_NONE;
    bool reading = false;  // a wait is under way
    bool writing = false;
  };

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept;
  static int on_timer(CURLM*, long timeout_ms, void* self) noexcept;

  void watch(curl_socket_t fd, int what);
  void arm(const std::shared_ptr<Socket>& socket);
  void wait(const std::shared_ptr<Socket>& socket, bool for_writing);
  void act(curl_socket_t fd, int events);
  void collect();

  HttpClientConfig config_;
  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::unique_ptr<CURLM, Cleanup> handle_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Socket>> sockets_;
  std::vector<Transfer*> transfers_;
};

}  // namespace lambda
