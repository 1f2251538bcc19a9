#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/http_client.hpp"

namespace lambda::testing {

/// A request as it arrived.
struct Received {
  std::string method;
  std::string target;
  HttpHeaders headers;
  std::string body;      ///< Decoded if it came chunked.
  HttpHeaders trailers;  ///< Of a chunked body.
  int connection = 0;    ///< 1 for the first that was accepted.
};

/// What the server does with one request.
struct Step {
  enum class Then { keep, close, reset, hang };

  std::string bytes;
  Then then = Then::keep;
};

/// A well-formed response.
Step reply(int status, const HttpHeaders& headers = {}, const std::string& body = "");

/// Any bytes.
inline Step raw(std::string bytes, Step::Then then = Step::Then::close) {
  return {std::move(bytes), then};
}

/// An HTTP server on 127.0.0.1 that answers the n-th request with the n-th step, whatever is asked,
/// and closes the connection once the script is over.
///
/// It has a thread and an `io_context` of its own, so that what is tested may block.
class ScriptedServer {
 public:
  /// What to do with a request, where the order in which several arrive isn't known. Called on the
  /// server's thread, one request at a time.
  using Responder = std::function<Step(const Received&)>;

  explicit ScriptedServer(std::vector<Step> script, bool listening = true);
  explicit ScriptedServer(Responder responder);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  /// Until this is called, a server made with `listening = false` refuses connections.
  void listen();

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string url(const std::string& path = "/") const {
    return "http://" + address() + path;
  }

  [[nodiscard]] std::vector<Received> requests() const;

  /// Blocks until `count` requests have arrived whole; false after ten seconds without.
  [[nodiscard]] bool wait_for_requests(std::size_t count) const;

 private:
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(asio::ip::tcp::socket socket, int connection);
  static asio::awaitable<void> read_chunks(asio::ip::tcp::socket& socket, std::string& buffer,
                                           Received& request);
  Step record(Received request);

  Responder responder_;
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  unsigned short port_ = 0;
  mutable std::mutex mutex_;
  mutable std::condition_variable arrived_;
  std::deque<Step> script_;
  std::vector<Received> requests_;
  std::thread thread_;
};

}  // namespace lambda::testing
