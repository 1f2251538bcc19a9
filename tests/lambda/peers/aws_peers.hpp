#pragma once

#include <asio/io_context.hpp>
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "aws/dynamodb_client.hpp"
#include "aws/s3_client.hpp"
#include "http/http_client.hpp"
#include "lambda/support/await.hpp"
#include "peer.hpp"

namespace lambda::testing {

/// The servers, one of each for the whole program, started when they are first needed.
[[nodiscard]] Peer& swift();
[[nodiscard]] Peer& dynalite();
/// AWS's SDK, as a client of both.
[[nodiscard]] Peer& sdk();

/// What the SDK answers; throws if that is an error.
nlohmann::json ask_sdk(const std::vector<std::string>& words);

/// A proxy that commits faults before one of them.
class FaultProxy {
 public:
  FaultProxy(const Peer& upstream, const std::string& faults, int seed = 1)
      : peer_({"fault_proxy.py", "--upstream", upstream.endpoint(), "--faults", faults, "--seed",
               std::to_string(seed)}) {}

  [[nodiscard]] std::string endpoint() const { return peer_.endpoint(); }
  [[nodiscard]] nlohmann::json counts() { return peer_.ask_by_signal(SIGUSR1); }

 private:
  Peer peer_;
};

/// Where nearly half of all requests fail at random, for none of them to fail each time.
inline constexpr int enough_tries = 25;

/// Our clients, on an event loop of their own, with the environment that a function would have.
class Clients {
 public:
  struct Options {
    std::string s3_endpoint = swift().endpoint();
    std::string dynamodb_endpoint = dynalite().endpoint();
    std::string access_key = swift().hello().at("access_key");
    std::string secret_key = swift().hello().at("secret_key");
    aws::S3Options s3;
    int tries = 8;
  };

  Clients() : Clients(Options{}) {}
  explicit Clients(const Options& options);

  [[nodiscard]] std::string get(const std::string& bucket, const std::string& key);
  void put(const std::string& bucket, const std::string& key, const std::string& bytes,
           const std::string& content_type = "text/plain");
  std::size_t write(const std::string& table, const std::vector<io::Item>& items);

  [[nodiscard]] aws::S3Client& s3() { return s3_; }

  template <class T>
  T run(asio::awaitable<T> work) {
    return await(context_, std::move(work));
  }

 private:
  [[nodiscard]] aws::ServiceConfig config(const std::string& service, int tries) const;

  std::map<std::string, std::string> variables_;
  aws::Environment environment_;
  asio::io_context context_;
  HttpClient http_;
  aws::CredentialsProvider credentials_;
  aws::S3Client s3_;
  aws::DynamoDbClient dynamodb_;
};

}  // namespace lambda::testing
