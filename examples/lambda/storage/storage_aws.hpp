/// The clients of Storage, for its own source files.
#pragma once

#include <asio/any_io_executor.hpp>
#include <optional>

#include "aws/credentials.hpp"
#include "aws/dynamodb_client.hpp"
#include "http/http_client.hpp"
#include "storage/storage.hpp"

namespace lambda {

// One by one: who reads from S3 and writes to a file needs no table's endpoint.
struct Storage::Aws {
  Aws(const asio::any_io_executor& executor, const aws::Environment& environment,
      const aws::RetryOptions& retry)
      : http(executor, aws::aws_http_config(environment)),
        credentials(executor, environment, retry) {}

  HttpClient http;
  aws::CredentialsProvider credentials;
  std::optional<aws::S3Client> s3;
  std::optional<aws::DynamoDbClient> dynamodb;
};

}  // namespace lambda
