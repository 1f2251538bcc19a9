#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <exception>
#include <optional>
#include <string>

#include "aws/environment.hpp"
#include "aws/retry.hpp"
#include "aws/sigv4.hpp"
#include "http/http_client.hpp"

namespace lambda::aws {

/// The credentials that a container's endpoint answers with: a JSON object with `AccessKeyId`,
/// `SecretAccessKey` and perhaps `Token` and `Expiration`. `url` is for the message. Throws
/// io::Error, one line without a word of the body, which may hold a secret.
[[nodiscard]] Credentials parse_credentials(const std::string& body, const std::string& url);

/// Where a function's credentials come from: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
/// `AWS_SESSION_TOKEN`; else the container's endpoint, `AWS_CONTAINER_CREDENTIALS_FULL_URI` or
/// `_RELATIVE_URI` with the token from `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` or
/// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
///
/// Those of the endpoint are kept until five minutes before they expire; one request at a time
/// fetches new ones. If that fails, the old ones serve until they have expired, with another try
/// every 30 s. Plain http is taken
/// only from this machine and from the addresses that ECS and EKS have, each try has two seconds,
/// and no proxy is used.
///
/// **Runs on**: the executor, as `HttpClient`. **Lifetime**: destroy it before its execution
/// context, and after the operations that use it. **Thread safety**: none beyond the executor's.
class CredentialsProvider {
 public:
  CredentialsProvider(asio::any_io_executor executor, Environment environment,
                      RetryOptions retry = {});

  /// **Completes**: with credentials that haven't expired; throws io::Error, one line, which names
  /// the variable or the endpoint and never a secret. **Cancellation**: as `HttpClient::send`; one
  /// that is cancelled while others wait for its fetching leaves it to the next.
  [[nodiscard]] asio::awaitable<Credentials> get();

  /// A service says that these have expired, whatever their `expiration` is: if they are those that
  /// are kept, the next `get` fetches others. Whether `get` can have others at all; the
  /// environment's stay the same.
  [[nodiscard]] bool expired(const Credentials& credentials);

 private:
  struct ContainerEndpoint {
    std::string url;
    std::string token;
  };

  [[nodiscard]] bool usable(std::chrono::seconds margin) const;
  [[nodiscard]] std::optional<Credentials> from_environment() const;
  [[nodiscard]] asio::awaitable<ContainerEndpoint> container_endpoint() const;
  [[nodiscard]] asio::awaitable<void> refresh();
  [[nodiscard]] asio::awaitable<void> fetch();

  Environment environment_;
  RetryOptions retry_;
  HttpClient http_;
  std::optional<Credentials> kept_;
  bool fetching_ = false;
  TimePoint next_fetch_{};      // not before, as the last one failed
  std::exception_ptr failure_;  // of the last fetching that ended
  asio::steady_timer fetched_;  // never expires; cancelled when a fetching ends
};

}  // namespace lambda::aws
