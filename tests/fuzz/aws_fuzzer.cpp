// What AWS services answer: errors, ranges, dates, waits, items left over, credentials; and the
// addresses that are made for them. The first line says what the header is, the rest is the body.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "aws/content_range.hpp"
#include "aws/credentials.hpp"
#include "aws/dates.hpp"
#include "aws/dynamodb_client.hpp"
#include "aws/retry.hpp"
#include "aws/service_error.hpp"
#include "aws/uri.hpp"
#include "check.hpp"
#include "io/error.hpp"
#include "text/utf8.hpp"

using namespace lambda::aws;

namespace {

void check_line(std::string_view text) {
  fuzz::require(text.size() < 2000 &&
                    text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
                "a message is one line");
  fuzz::require(lambda::text::is_valid_utf8(text), "a message is UTF-8");
}

void check_errors(const std::string& header, const std::string& body) {
  for (const int status : {200, 400, 503}) {
    lambda::HttpResponse response;
    response.status = status;
    response.body = body;
    response.headers = {{"x-amzn-ErrorType", header}, {"x-amz-bucket-region", header}};
    for (const auto& error : {s3_error(response), json_error(response)}) {
      fuzz::require(status == 200 || error.has_value(), "a refusal is an error");
      if (!error) continue;
      check_line(to_string(*error));
      static_cast<void>(remedy_for(*error));
    }
  }
}

void check_range(std::string_view header) {
  const auto range = parse_content_range(header);
  if (!range) return;
  fuzz::require(range->first <= range->last && range->last < range->total, "a range lies inside");
  const std::string text = "bytes " + std::to_string(range->first) + '-' +
                           std::to_string(range->last) + '/' + std::to_string(range->total);
  fuzz::require(parse_content_range(text) == range, "a range reads back");
}

void check_times(std::string_view header) {
  const TimePoint now{std::chrono::seconds{1'800'000'000}};
  if (const auto wait = retry_after(header, now)) {
    fuzz::require(wait->count() >= 0, "no wait is negative");
    fuzz::require(!header.empty(), "nothing asks for no wait");
  }
  static_cast<void>(parse_http_date(header));
  if (const auto time = parse_iso_date(header)) static_cast<void>(amz_date(*time));
}

void check_left_over(const std::string& body) {
  constexpr std::size_t sent = 25;
  const auto left = unprocessed_requests(body, "t", sent);
  if (!left) return;
  fuzz::require(left->size() <= sent, "no more is left than was sent");
  for (const auto& request : *left) {
    const auto json = nlohmann::json::parse(request);
    fuzz::require(json["PutRequest"].contains("Item"), "what is left is a put");
  }
}

void check_credentials(const std::string& body) {
  try {
    static_cast<void>(parse_credentials(body, "http://127.0.0.1/c"));
  } catch (const lambda::io::Error& error) {
    check_line(error.what());
    const std::string_view message = error.what();
    fuzz::require(message.starts_with("the credentials of http://127.0.0.1/c "), "no secret");
  }
}

int digit(char c) {
  return c <= '9' ? c - '0' : c - 'A' + 10;
}

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
    } else {
      fuzz::require(i + 2 < text.size(), "two digits");
      result += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    }
  }
  return result;
}

void check_uri(const std::string& text) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%";
  const auto encoded = uri_encoded(text);
  fuzz::require(encoded.find_first_not_of(plain) == std::string::npos, "an address is plain");
  fuzz::require(decoded(encoded) == text, "an address says what was meant");
  fuzz::require(decoded(path_encoded(text)) == text, "a path says what was meant");
  const auto query = canonical_query({{text, "1"}, {"a", text}});
  fuzz::require(query.find_first_of(" \r\n+") == std::string::npos, "a query is plain");
  try {
    const auto endpoint = parse_endpoint(text, "AWS_ENDPOINT_URL");
    fuzz::require(endpoint.scheme == "http" || endpoint.scheme == "https", "a scheme");
    fuzz::require(!endpoint.host.empty(), "an endpoint has a host");
    fuzz::require(parse_endpoint(endpoint.origin(), "").origin() == endpoint.origin(),
                  "an endpoint reads back");
  } catch (const lambda::io::Error& error) {
    check_line(error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(text.find('\n'), text.size());
  const std::string header = text.substr(0, end);
  const std::string body = text.substr(std::min(text.size(), end + 1));
  check_errors(header, body);
  check_range(header);
  check_times(header);
  check_left_over(body);
  check_credentials(body);
  check_uri(header);
  return 0;
}
