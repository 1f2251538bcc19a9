#include "aws/service_error.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <string_view>
#include <system_error>

#include "text/json.hpp"
#include "text/utf8.hpp"

namespace lambda::aws {
namespace {

constexpr std::array<std::string_view, 20> worth_another_try{
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException"};

// A signature that is refused may be right but for its time; whether it is, the Date header tells.
constexpr std::array<std::string_view, 6> perhaps_the_clock{
    "AuthFailure",        "InvalidSignatureException", "RequestExpired",
    "RequestInTheFuture", "RequestTimeTooSkewed",      "SignatureDoesNotMatch"};

constexpr std::array<std::string_view, 3> expired_credentials{
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& codes, std::string_view code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string one_line(std::string_view text) {
  return text::printable_excerpt(text, 300);
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

}  // namespace

std::string to_string(const ServiceError& error) {
  std::string text = std::to_string(error.status);
  if (!error.code.empty()) text += ' ' + error.code;
  if (!error.message.empty()) text += ": " + error.message;
  return text;
}

std::optional<ServiceError> s3_error(const HttpResponse& response) {
  // pugixml resolves no entities of a document's own, so a body can't blow up or reach for files.
  pugi::xml_document document;
  const auto parsed = document.load_buffer(response.body.data(), response.body.size());
  const auto root = parsed ? document.child("Error") : pugi::xml_node{};
  if (is_success(response.status) && !root) return std::nullopt;
  ServiceError error{response.status, one_line(root.child_value("Code")),
                     one_line(root.child_value("Message"))};
  if (const auto region = response.headers.get("x-amz-bucket-region"); !region.empty()) {
    error.message += (error.message.empty() ? "" : " ") + std::string{"(the bucket's region is "} +
                     one_line(region) + ")";
  }
  return error;
}

std::optional<ServiceError> json_error(const HttpResponse& response) {
  if (is_success(response.status)) return std::nullopt;
  constexpr text::JsonLimits limits{.max_bytes = std::size_t{1} << 20, .max_depth = 100};
  const auto body = text::read_json(response.body, limits).value;
  const auto field = [&](const char* name) -> std::string {
    if (!body.is_object() || !body.contains(name) || !body[name].is_string()) return {};
    return body[name].get<std::string>();
  };
  ServiceError error{response.status, field("__type"), field("message")};
  if (error.message.empty()) error.message = field("Message");
  if (error.code.empty()) {
    error.code = response.headers.get("x-amzn-ErrorType");
    error.code.resize(std::min(error.code.find(':'), error.code.size()));
  }
  // com.amazonaws.dynamodb.v20120810#ResourceNotFoundException
  if (const auto hash = error.code.find('#'); hash != std::string::npos) {
    error.code.erase(0, hash + 1);
  }
  error.code = one_line(error.code);
  error.message = one_line(error.message);
  return error;
}

Remedy remedy_for(const ServiceError& error) {
  if (holds(worth_another_try, error.code)) return Remedy::retry;
  if (holds(perhaps_the_clock, error.code)) return Remedy::correct_clock;
  if (holds(expired_credentials, error.code)) return Remedy::refresh_credentials;
  constexpr std::array<int, 5> statuses{429, 500, 502, 503, 504};
  const bool retry = std::find(statuses.begin(), statuses.end(), error.status) != statuses.end();
  return retry ? Remedy::retry : Remedy::none;
}

bool is_transient(const std::error_code& error) {
  constexpr std::array<std::errc, 6> causes{
      std::errc::timed_out,        std::errc::connection_refused, std::errc::connection_reset,
      std::errc::host_unreachable, std::errc::protocol_error,     std::errc::message_size};
  return std::any_of(causes.begin(), causes.end(), [&](std::errc cause) { return error == cause; });
}

}  // namespace lambda::aws
