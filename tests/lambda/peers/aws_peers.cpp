#include "aws_peers.hpp"

#include <stdexcept>
#include <utility>

namespace lambda::testing {

Peer& swift() {
  static Peer peer({"swift_peer.py"});
  return peer;
}

Peer& dynalite() {
  static Peer peer({"dynalite_peer.mjs"});
  return peer;
}

Peer& sdk() {
  static Peer peer({"aws_sdk.mjs"},
                   {"AWS_ENDPOINT_URL_S3=" + swift().endpoint(),
                    "AWS_ENDPOINT_URL_DYNAMODB=" + dynalite().endpoint(),
                    "AWS_ACCESS_KEY_ID=" + swift().hello().at("access_key").get<std::string>(),
                    "AWS_SECRET_ACCESS_KEY=" + swift().hello().at("secret_key").get<std::string>(),
                    "AWS_REGION=" + swift().hello().at("region").get<std::string>()});
  return peer;
}

nlohmann::json ask_sdk(const std::vector<std::string>& words) {
  nlohmann::json answer = sdk().ask(words);
  if (answer.contains("error")) throw std::runtime_error("AWS's SDK: " + answer.dump());
  return answer;
}

Clients::Clients(const Options& options)
    : variables_{{"AWS_ENDPOINT_URL_S3", options.s3_endpoint},
                 {"AWS_ENDPOINT_URL_DYNAMODB", options.dynamodb_endpoint},
                 {"AWS_ACCESS_KEY_ID", options.access_key},
                 {"AWS_SECRET_ACCESS_KEY", options.secret_key},
                 {"AWS_REGION", swift().hello().at("region")}},
      environment_([this](const char* name) -> const char* {
        const auto found = variables_.find(name);
        return found == variables_.end() ? nullptr : found->second.c_str();
      }),
      http_(context_.get_executor(), aws::aws_http_config(environment_)),
      credentials_(context_.get_executor(), environment_),
      s3_(http_, credentials_, config("S3", options.tries), options.s3),
      dynamodb_(http_, credentials_, config("DYNAMODB", options.tries)) {}

aws::ServiceConfig Clients::config(const std::string& service, int tries) const {
  aws::ServiceConfig config = aws::ServiceConfig::from_environment(environment_, service);
  config.retry.backoff.max_failures = tries;
  config.retry.backoff.base = std::chrono::milliseconds{1};
  return config;
}

std::string Clients::get(const std::string& bucket, const std::string& key) {
  const io::Bytes bytes = run(s3_.get({bucket, key}));
  return std::string(bytes.view());
}

void Clients::put(const std::string& bucket, const std::string& key, const std::string& bytes,
                  const std::string& content_type) {
  run(s3_.put({bucket, key}, bytes, content_type));
}

std::size_t Clients::write(const std::string& table, const std::vector<io::Item>& items) {
  return run(dynamodb_.batch_write(table, items, {"PK", "SK"})).items_written;
}

}  // namespace lambda::testing
