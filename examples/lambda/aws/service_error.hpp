/// What a service says when it refuses a request.
#pragma once

#include <optional>
#include <string>

#include "http/http_client.hpp"

namespace lambda::aws {

struct ServiceError {
  int status = 0;
  std::string code;     ///< As in `NoSuchKey`; empty if the service gave none.
  std::string message;  ///< One line; empty if the service gave none.
};

/// `404 NoSuchKey: The specified key does not exist.`
[[nodiscard]] std::string to_string(const ServiceError& error);

/// The error of an S3 response: of any status that isn't 2xx, and of a 200 whose body is one, which
/// S3 sends when it had to begin its answer before it knew.
[[nodiscard]] std::optional<ServiceError> s3_error(const HttpResponse& response);

/// The error of a response of a service that speaks JSON, as DynamoDB does.
[[nodiscard]] std::optional<ServiceError> json_error(const HttpResponse& response);

/// What may help against an error.
enum class Remedy {
  none,
  retry,               ///< Another try, later: overload, or a failure inside of the service.
  correct_clock,       ///< Another try with the service's time, if ours is wrong.
  refresh_credentials  ///< Another try with new credentials, if there are any.
};

[[nodiscard]] Remedy remedy_for(const ServiceError& error);

/// Whether another try may go better after this error of `http_category()`: a certificate that
/// can't be verified stays so, a dropped connection doesn't.
[[nodiscard]] bool is_transient(const std::error_code& error);

}  // namespace lambda::aws
