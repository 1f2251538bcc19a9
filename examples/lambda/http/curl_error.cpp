#include "http/curl_error.hpp"

#include "http/http_client.hpp"

namespace lambda {
namespace {

class HttpCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "http"; }

  [[nodiscard]] std::string message(int code) const override {
    return curl_easy_strerror(static_cast<CURLcode>(code));
  }

  [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT:
        return std::errc::timed_out;
      case CURLE_COULDNT_CONNECT:
        return std::errc::connection_refused;
      case CURLE_COULDNT_RESOLVE_HOST:
        return std::errc::host_unreachable;
      case CURLE_GOT_NOTHING:
      case CURLE_PARTIAL_FILE:
      case CURLE_SEND_ERROR:
      case CURLE_RECV_ERROR:
        return std::errc::connection_reset;
      case CURLE_WEIRD_SERVER_REPLY:
      case CURLE_UNSUPPORTED_PROTOCOL:  // what curl calls an answer without a status line
        return std::errc::protocol_error;
      case CURLE_PEER_FAILED_VERIFICATION:
        return std::errc::permission_denied;
      default:
        return {code, *this};
    }
  }
};

}  // namespace

std::error_code http_error(CURLcode code) {
  return {static_cast<int>(code), http_category()};
}

const std::error_category& http_category() noexcept {
  static const HttpCategory category;
  return category;
}

}  // namespace lambda
