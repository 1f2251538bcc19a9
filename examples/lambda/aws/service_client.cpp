#include "aws/service_client.hpp"

#include <asio/error.hpp>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "http/ca_bundle.hpp"
#include "io/error.hpp"
#include "runtime/log.hpp"
#include "text/utf8.hpp"

namespace lambda::aws {
namespace {

// Less is no reason to refuse a signature: AWS allows for a quarter of an hour, and more than five
// minutes for every service.
constexpr std::chrono::minutes clock_tolerance{4};

std::string given_up(const std::string& subject, int tries, const std::string& problem) {
  return subject + ": gave up after " + std::to_string(tries) +
         (tries == 1 ? " try: " : " tries: ") + problem;
}

constexpr int most_attempts = 1000;

int attempts_of(const std::string& text) {
  int attempts = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, attempts);
  if (error != std::errc() || rest != end || attempts < 1 || attempts > most_attempts) {
    throw io::Error{"AWS_MAX_ATTEMPTS is '" + text::printable_excerpt(text) +
                    "', should be a whole number from 1 to " + std::to_string(most_attempts)};
  }
  return attempts;
}

}  // namespace

ServiceConfig ServiceConfig::from_environment(const Environment& environment,
                                              const std::string& service) {
  ServiceConfig config;
  config.region = value_of(environment, "AWS_REGION");
  if (config.region.empty()) config.region = value_of(environment, "AWS_DEFAULT_REGION");
  for (const auto& variable : {"AWS_ENDPOINT_URL_" + service, std::string{"AWS_ENDPOINT_URL"}}) {
    const auto url = value_of(environment, variable.c_str());
    if (!config.endpoint && !url.empty()) config.endpoint = parse_endpoint(url, variable);
  }
  if (config.region.empty()) {
    if (!config.endpoint) throw io::Error{"AWS_REGION is not set; give it, as in eu-central-1"};
    config.region = "us-east-1";
  }
  if (const auto attempts = value_of(environment, "AWS_MAX_ATTEMPTS"); !attempts.empty()) {
    config.retry.backoff.max_failures = attempts_of(attempts);
  }
  return config;
}

HttpClientConfig aws_http_config(const Environment& environment) {
  HttpClientConfig config;
  config.connect_timeout = std::chrono::seconds(3);
  config.low_speed_time = std::chrono::seconds(10);
  config.low_speed = 1024;
  config.proxy_from_environment = true;
  config.ca_bundle = ca_bundle(environment);
  return config;
}

ServiceClient::ServiceClient(HttpClient& http, CredentialsProvider& credentials,
                             std::string service, ServiceConfig config, ErrorParser parse_error)
    : http_(http),
      credentials_(credentials),
      scope_{config.region, std::move(service)},
      config_(std::move(config)),
      parse_error_(parse_error) {
  config_.retry = with_defaults(std::move(config_.retry));
}

ServiceClient ServiceClient::with(ServiceConfig config) const {
  ServiceClient other = *this;
  other.config_ = std::move(config);
  other.config_.retry = with_defaults(std::move(other.config_.retry));
  return other;
}

asio::awaitable<Answer> ServiceClient::attempt(const ApiRequest& request,
                                               const Credentials& credentials) {
  UnsignedRequest to_sign{request.method,
                          request.endpoint.host,
                          path_encoded(request.path),
                          canonical_query(request.query),
                          request.headers,
                          request.payload_sha256};
  const auto signature =
      signature_headers(to_sign, credentials, scope_, config_.retry.now() + clock_correction_);

  HttpRequest http;
  http.method = request.method;
  http.url = request.endpoint.origin() + to_sign.path;
  if (!to_sign.query.empty()) http.url += '?' + to_sign.query;
  http.headers = std::move(to_sign.headers);
  for (const auto& [name, value] : signature) http.headers.add(name, value);
  http.headers.add("User-Agent", "millrace-lambda");
  http.borrowed_body = request.body;
  http.timeout = config_.request_timeout;
  http.into = request.into;
  Answer answer;
  answer.response = co_await http_.send(std::move(http));
  answer.error = parse_error_(answer.response);
  co_return answer;
}

bool ServiceClient::correct_clock(const HttpResponse& response) {
  const auto theirs = parse_http_date(response.headers.get("Date"));
  if (!theirs) return false;
  const auto ours = config_.retry.now() + clock_correction_;
  const auto difference = std::chrono::round<std::chrono::seconds>(*theirs - ours);
  if (std::chrono::abs(difference) < clock_tolerance) return false;
  clock_correction_ += difference;
  log_warn("corrected the clock for signatures", {{"seconds", clock_correction_.count()}});
  return true;
}

asio::awaitable<Answer> ServiceClient::send(const ApiRequest& request, std::string subject) {
  Retry retry(config_.retry);
  bool clock_corrected = false;
  bool credentials_refreshed = false;
  for (;;) {
    std::string problem;
    std::string wait;
    try {
      const Credentials credentials = co_await credentials_.get();
      Answer answer = co_await attempt(request, credentials);
      if (answer.error) {
        const Remedy remedy = remedy_for(*answer.error);
        if (remedy == Remedy::correct_clock && !std::exchange(clock_corrected, true) &&
            correct_clock(answer.response)) {
          continue;
        }
        if (remedy == Remedy::refresh_credentials && !std::exchange(credentials_refreshed, true) &&
            credentials_.expired(credentials)) {
          continue;
        }
        if (remedy != Remedy::retry) co_return answer;
        problem = to_string(*answer.error);
        wait = answer.response.headers.get("Retry-After");
      } else {
        if (request.flaw) problem = request.flaw(answer.response);
        if (problem.empty()) co_return answer;
      }
    } catch (const std::system_error& error) {
      if (error.code() == asio::error::operation_aborted) throw;
      problem = error.what();
      if (!is_transient(error.code())) throw io::Error{subject + ": " + problem};
    } catch (const std::invalid_argument& error) {
      throw io::Error{subject + ": " + error.what()};
    }
    const auto delay = retry.failed(wait);
    if (!delay) throw io::Error{given_up(subject, retry.failures(), problem)};
    log_warn("AWS request failed, trying again", {{"subject", subject},
                                                  {"error", problem},
                                                  {"failures", retry.failures()},
                                                  {"delayMs", delay->count()}});
    co_await config_.retry.sleep(*delay);
  }
}

}  // namespace lambda::aws
