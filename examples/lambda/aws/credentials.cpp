#include "aws/credentials.hpp"

#include <algorithm>
#include <array>
#include <asio/error.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "aws/service_error.hpp"
#include "aws/uri.hpp"
#include "http/ca_bundle.hpp"
#include "io/blocking.hpp"
#include "io/error.hpp"
#include "io/file_source.hpp"
#include "text/json.hpp"

namespace lambda::aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto full_uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr auto relative_uri = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr auto token_variable = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
constexpr auto token_file_variable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

constexpr seconds refresh_margin{300};
constexpr seconds fetch_pause{30};
constexpr milliseconds fetch_timeout{2'000};
constexpr std::string_view nowhere =
    "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where "
    "AWS_CONTAINER_CREDENTIALS_FULL_URI is set";

HttpClientConfig http_config(const Environment& environment) {
  HttpClientConfig config;
  config.connect_timeout = fetch_timeout;
  config.ca_bundle = ca_bundle(environment);
  return config;
}

// The token would go over the network in clear text anywhere else.
void check_url(const std::string& url) {
  const auto scheme_end = url.find("://");
  const auto scheme = url.substr(0, scheme_end);
  if (scheme == "https" && scheme_end != std::string::npos) return;
  if (scheme == "http" && scheme_end != std::string::npos) {
    const auto host =
        url.substr(scheme_end + 3, url.find_first_of("/?#", scheme_end + 3) - scheme_end - 3);
    const auto colon = host.find(':', host.starts_with('[') ? host.find(']') : 0);
    const auto name = host.substr(0, colon);
    constexpr std::array<std::string_view, 6> own{
        "127.0.0.1", "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    if (std::find(own.begin(), own.end(), name) != own.end()) return;
  }
  throw io::Error{std::string{full_uri} +
                  " must be an https:// URL, or http:// on this machine or the container's own "
                  "169.254.170.2, 169.254.170.23 or [fd00:ec2::23]"};
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return std::string{text.substr(first, text.find_last_not_of(blank) - first + 1)};
}

}  // namespace

Credentials parse_credentials(const std::string& body, const std::string& url) {
  constexpr text::JsonLimits limits{.max_bytes = std::size_t{1} << 20, .max_depth = 100};
  const auto json = text::read_json(body, limits).value;
  const auto field = [&](const char* name, bool required) -> std::string {
    if (json.is_object() && json.contains(name) && json[name].is_string()) {
      return json[name].get<std::string>();
    }
    if (!required) return {};
    throw io::Error{"the credentials of " + url + " lack " + name};
  };
  Credentials credentials{field("AccessKeyId", true), field("SecretAccessKey", true),
                          field("Token", false), std::nullopt};
  if (const auto expiration = field("Expiration", false); !expiration.empty()) {
    credentials.expiration = parse_iso_date(expiration);
    if (!credentials.expiration) {
      throw io::Error{"the credentials of " + url + " have an Expiration that isn't a time"};
    }
  }
  return credentials;
}

CredentialsProvider::CredentialsProvider(asio::any_io_executor executor, Environment environment,
                                         RetryOptions retry)
    : environment_(std::move(environment)),
      retry_(with_defaults(std::move(retry))),
      http_(executor, http_config(environment_)),
      fetched_(executor, asio::steady_timer::time_point::max()) {}

std::optional<Credentials> CredentialsProvider::from_environment() const {
  Credentials credentials{value_of(environment_, "AWS_ACCESS_KEY_ID"),
                          value_of(environment_, "AWS_SECRET_ACCESS_KEY"),
                          value_of(environment_, "AWS_SESSION_TOKEN"), std::nullopt};
  const bool has_id = !credentials.access_key_id.empty();
  if (!has_id && credentials.secret_access_key.empty()) return std::nullopt;
  if (!has_id) throw io::Error{"AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID isn't"};
  if (credentials.secret_access_key.empty()) {
    throw io::Error{"AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY isn't"};
  }
  return credentials;
}

asio::awaitable<CredentialsProvider::ContainerEndpoint> CredentialsProvider::container_endpoint()
    const {
  ContainerEndpoint endpoint;
  if (const auto path = value_of(environment_, relative_uri); !path.empty()) {
    if (!path.starts_with('/')) throw io::Error{std::string{relative_uri} + " must begin with /"};
    endpoint.url = "http://169.254.170.2" + path;
  } else {
    endpoint.url = value_of(environment_, full_uri);
    if (endpoint.url.empty()) throw io::Error{std::string{nowhere}};
    check_url(endpoint.url);
  }
  endpoint.token = value_of(environment_, token_variable);
  if (const auto file = value_of(environment_, token_file_variable); !file.empty()) {
    auto read = [file] { return io::read_file(file); };  // anew each time: tokens are rotated
    const auto bytes = co_await io::run_blocking(std::move(read));
    endpoint.token = bytes.view();
  }
  endpoint.token = trimmed(endpoint.token);
  if (std::any_of(endpoint.token.begin(), endpoint.token.end(),
                  [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
    throw io::Error{std::string{token_variable} + " or its file holds a control character"};
  }
  co_return endpoint;
}

bool CredentialsProvider::usable(seconds margin) const {
  return kept_ && (!kept_->expiration || retry_.now() + margin < *kept_->expiration);
}

asio::awaitable<Credentials> CredentialsProvider::get() {
  if (auto given = from_environment()) co_return std::move(*given);
  while (!usable(refresh_margin)) {
    // A failing endpoint must not hold up every request while the old ones still serve.
    if (usable(seconds{0}) && retry_.now() < next_fetch_) break;
    if (!fetching_) {
      co_await refresh();
    } else {
      std::error_code ignored;
      co_await fetched_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      // The end of a fetching and a cancellation of our own look the same to the wait.
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        throw std::system_error(asio::error::operation_aborted);
      }
    }
    // None if who fetched was cancelled; then it is for one of those who waited.
    if (failure_ != nullptr && !usable(seconds{0})) std::rethrow_exception(failure_);
  }
  co_return *kept_;
}

bool CredentialsProvider::expired(const Credentials& credentials) {
  if (from_environment()) return false;
  // Of several requests that were refused the first has them fetched for all.
  if (kept_ && kept_->access_key_id == credentials.access_key_id &&
      kept_->session_token == credentials.session_token) {
    kept_.reset();
  }
  return true;
}

asio::awaitable<void> CredentialsProvider::refresh() {
  fetching_ = true;
  failure_ = nullptr;
  std::exception_ptr aborted;
  try {
    co_await fetch();
  } catch (const io::Error&) {
    failure_ = std::current_exception();
    next_fetch_ = retry_.now() + fetch_pause;
  } catch (...) {
    aborted = std::current_exception();
  }
  fetching_ = false;
  fetched_.cancel();
  if (aborted != nullptr) std::rethrow_exception(aborted);
}

asio::awaitable<void> CredentialsProvider::fetch() {
  const ContainerEndpoint endpoint = co_await container_endpoint();
  Retry retry(retry_);
  for (;;) {
    std::string problem;
    std::string wait;
    try {
      HttpRequest request;
      request.url = endpoint.url;
      request.timeout = fetch_timeout;
      if (!endpoint.token.empty()) request.headers.add("Authorization", endpoint.token);
      const HttpResponse response = co_await http_.send(std::move(request));
      if (response.status == 200) {
        kept_ = parse_credentials(response.body, endpoint.url);
        co_return;
      }
      problem = "status " + std::to_string(response.status);
      wait = response.headers.get("Retry-After");
      if (remedy_for({response.status, "", ""}) == Remedy::none) {
        throw io::Error{"no credentials from " + endpoint.url + ": " + problem};
      }
    } catch (const std::system_error& error) {
      if (error.code() == asio::error::operation_aborted) throw;
      problem = error.code().message();
      if (!is_transient(error.code())) {
        throw io::Error{"no credentials from " + endpoint.url + ": " + problem};
      }
    }
    const auto delay = retry.failed(wait);
    if (!delay) {
      throw io::Error{"no credentials from " + endpoint.url + " after " +
                      std::to_string(retry.failures()) + " tries: " + problem};
    }
    co_await retry_.sleep(*delay);
  }
}

}  // namespace lambda::aws
