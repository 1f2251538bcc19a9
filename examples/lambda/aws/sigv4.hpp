/// AWS Signature Version 4.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "aws/dates.hpp"
#include "http/http_client.hpp"

namespace lambda::aws {

/// The secret and the token must not get into a log or a message.
struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;            ///< Empty for those of a user.
  std::optional<TimePoint> expiration;  ///< None for those that don't expire.
};

struct SigningScope {
  std::string region;   ///< As in `eu-central-1`.
  std::string service;  ///< `s3`, `dynamodb` ...; S3 has its own rules for the path.
};

/// A request as it will be sent, before it has a signature.
struct UnsignedRequest {
  std::string method;
  std::string host;            ///< As in the `Host` header.
  std::string path;            ///< Encoded once, see `path_encoded`.
  std::string query;           ///< See `canonical_query`.
  HttpHeaders headers;         ///< All of these are signed; without `Host`.
  std::string payload_sha256;  ///< Of the body, in hexadecimal digits.
};

/// The headers that the signature adds: `x-amz-date`, `x-amz-security-token` if there is a token,
/// `x-amz-content-sha256` for S3, and `Authorization`.
///
/// **Thread safety**: any thread.
[[nodiscard]] HttpHeaders signature_headers(const UnsignedRequest& request,
                                            const Credentials& credentials,
                                            const SigningScope& scope, TimePoint time);

}  // namespace lambda::aws
