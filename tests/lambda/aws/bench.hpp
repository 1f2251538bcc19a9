// What the tests of the AWS clients share.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "aws/credentials.hpp"
#include "aws/service_client.hpp"
#include "io/error.hpp"
#include "lambda/support/await.hpp"
#include "lambda/support/scripted_server.hpp"

namespace lambda::testing {

/// Everything that a client needs, with a clock that only waits move.
struct AwsBench {
  std::map<std::string, std::string> variables{{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                               {"AWS_SECRET_ACCESS_KEY", "top-secret"},
                                               {"AWS_SESSION_TOKEN", "the-token"}};
  aws::TimePoint now = *aws::parse_iso_date("2026-01-02T03:04:05Z");
  std::vector<std::chrono::milliseconds> waits;
  asio::io_context context{1};
  aws::Environment environment = [this](const char* name) -> const char* {
    const auto place = variables.find(name);
    return place == variables.end() ? nullptr : place->second.c_str();
  };
  HttpClient http{context.get_executor(), aws::aws_http_config(environment)};
  aws::CredentialsProvider credentials{context.get_executor(), environment, retry()};

  [[nodiscard]] aws::RetryOptions retry() {
    aws::RetryOptions options;
    options.now = [this] { return now; };
    options.sleep = [this](std::chrono::milliseconds delay) -> asio::awaitable<void> {
      waits.push_back(delay);
      now += delay;
      co_return;
    };
    return options;
  }

  [[nodiscard]] aws::ServiceConfig config(const ScriptedServer& server) {
    aws::ServiceConfig result;
    result.region = "eu-central-1";
    result.endpoint = aws::parse_endpoint(server.url(""), "the server");
    result.retry = retry();
    return result;
  }

  template <class T>
  T run(asio::awaitable<T> work) {
    return await(context, std::move(work));
  }

  /// The message of the io::Error that `work` ends with; empty if it ends well.
  template <class T>
  std::string error_of(asio::awaitable<T> work) {
    try {
      static_cast<void>(run(std::move(work)));
    } catch (const io::Error& error) {
      return error.what();
    }
    return {};
  }

  std::string error_of(asio::awaitable<void> work) {
    try {
      run(std::move(work));
    } catch (const io::Error& error) {
      return error.what();
    }
    return {};
  }
};

/// An S3 error as S3 has it.
inline Step s3_refusal(int status, const std::string& code, const std::string& message = "Sorry.",
                       const HttpHeaders& headers = {}) {
  return reply(status, headers,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code +
                   "</Code><Message>" + message + "</Message></Error>");
}

/// A DynamoDB error as DynamoDB has it.
inline Step dynamodb_refusal(int status, const std::string& code,
                             const std::string& message = "Sorry.") {
  return reply(status, {},
               "{\"__type\":\"com.amazonaws.dynamodb.v20120810#" + code + "\",\"message\":\"" +
                   message + "\"}");
}

}  // namespace lambda::testing
