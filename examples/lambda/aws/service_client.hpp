/// Signed requests to one service, with another try where it may help.
#pragma once

#include <asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "aws/credentials.hpp"
#include "aws/environment.hpp"
#include "aws/retry.hpp"
#include "aws/service_error.hpp"
#include "aws/sigv4.hpp"
#include "aws/uri.hpp"
#include "http/http_client.hpp"

namespace lambda::aws {

/// What S3 and DynamoDB clients share.
struct ServiceConfig {
  std::string region;
  /// Of `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL`; none for AWS's own.
  std::optional<Endpoint> endpoint;
  /// For one try of one request. A try also ends when it stands still, see `aws_http_config`.
  std::chrono::milliseconds request_timeout{60'000};
  RetryOptions retry;

  /// From `AWS_REGION`, else `AWS_DEFAULT_REGION`, and the endpoint variables; with an endpoint of
  /// one's own the region may be missing, and is `us-east-1`. `AWS_MAX_ATTEMPTS`, if it is set, is
  /// how often a request is tried at most, 1 to 1000. `service` is as in `S3`. Throws io::Error,
  /// one line, that names the variable.
  [[nodiscard]] static ServiceConfig from_environment(const Environment& environment,
                                                      const std::string& service);
};

/// For the HttpClient of AWS clients. Connecting, with the TLS handshake, has 3 s; a transfer below
/// 1 KiB/s for 10 s ends; TLS is 1.2 or later and certificates are verified, see `ca_bundle`; the
/// environment's proxy counts.
[[nodiscard]] HttpClientConfig aws_http_config(const Environment& environment);

struct ApiRequest {
  std::string method;
  Endpoint endpoint;
  std::string path;  ///< As it is meant, not encoded.
  Query query;
  HttpHeaders headers;
  std::string_view body;       ///< Must be there until the request has completed.
  std::string payload_sha256;  ///< Of the body, in hexadecimal digits.
  HttpRequest::Into into;
  /// What a success must have besides its status; the text says what it lacks, and is a reason for
  /// another try. Empty text if all is well; no function if the status is enough.
  std::function<std::string(const HttpResponse&)> flaw;
};

struct Answer {
  HttpResponse response;
  std::optional<ServiceError> error;  ///< None: the service did what was asked.
};

/// **Runs on**: the executor of the HttpClient. **Lifetime**: http and credentials must outlive it.
/// **Thread safety**: none beyond the executor's.
class ServiceClient {
 public:
  using ErrorParser = std::optional<ServiceError> (*)(const HttpResponse&);

  ServiceClient(HttpClient& http, CredentialsProvider& credentials, std::string service,
                ServiceConfig config, ErrorParser parse_error);

  /// Sends a request until it is answered: dropped, stalled and refused connections, 429, 500, 502,
  /// 503, 504, throttling and a flawed answer are tried again after a back-off, and a signature
  /// that was refused because our clock is wrong once, with the service's time; so is one with
  /// credentials that have expired, with new ones.
  ///
  /// **Completes**: with the answer, or the refusal that no further try can help; throws io::Error
  /// that begins with `subject` if there was no answer or the tries are used up.
  /// **Cancellation**: terminal, partial and total; completes with
  /// `asio::error::operation_aborted`, also during a wait.
  /// **Lifetime**: the client and the request must outlive the operation.
  [[nodiscard]] asio::awaitable<Answer> send(const ApiRequest& request, std::string subject);

  [[nodiscard]] const ServiceConfig& config() const { return config_; }

  /// The same service with other limits.
  [[nodiscard]] ServiceClient with(ServiceConfig config) const;

 private:
  [[nodiscard]] asio::awaitable<Answer> attempt(const ApiRequest& request,
                                                const Credentials& credentials);
  [[nodiscard]] bool correct_clock(const HttpResponse& response);

  HttpClient& http_;
  CredentialsProvider& credentials_;
  SigningScope scope_;
  ServiceConfig config_;
  ErrorParser parse_error_;
  std::chrono::seconds clock_correction_{0};
};

}  // namespace lambda::aws
