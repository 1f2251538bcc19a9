/// What the service answers, and how a route says no.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace service {

struct Reply {
  int status = 500;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Besides `Content-Type`.
};

/// Leaves a route for an answer other than 200; the message is one line, for the client.
class Refusal : public std::runtime_error {
 public:
  Refusal(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  int status_;
};

/// `{"error": message}`; bytes that aren't UTF-8 are replaced, control characters too.
[[nodiscard]] Reply error_reply(int status, std::string_view message);

/// What a route needs of a request. The texts belong to the server, until the reply is there.
struct Request {
  std::string_view method;
  std::string_view path;
  std::string_view query;
  std::string_view content_type;
  std::string_view timeout;  ///< `X-Request-Timeout-Ms`, empty for none.
  std::string_view body;
  std::chrono::steady_clock::time_point read_at;
};

}  // namespace service
