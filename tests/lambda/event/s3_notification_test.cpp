#include "event/s3_notification.hpp"

#include <nlohmann/json.hpp>
#include <string>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda;
using lambda::event::s3_notification;
using nlohmann::json;

namespace {

// As S3 sends it, but for what nobody looks at.
json notification(const std::string& bucket, const std::string& key) {
  return {{"Records",
           {{{"eventVersion", "2.1"},
             {"eventSource", "aws:s3"},
             {"awsRegion", "eu-central-1"},
             {"eventName", "ObjectCreated:Put"},
             {"s3",
              {{"s3SchemaVersion", "1.0"},
               {"bucket", {{"name", bucket}, {"arn", "arn:aws:s3:::" + bucket}}},
               {"object", {{"key", key}, {"size", 1024}, {"eTag", "d41d"}}}}}}}}};
}

std::string error_of(const json& event) {
  return test::message_of<HandlerError>([&] { return s3_notification(event); });
}

}  // namespace

TEST_CASE("s3 notification: the location of the object") {
  CHECK(s3_notification(notification("b", "in/records.csv")) == "s3://b/in/records.csv");
  CHECK(s3_notification(notification("b", "a+b%2Bc%C3%A4%25/d")) == "s3://b/a b+c\xC3\xA4%/d");
  auto without_name = notification("b", "k");
  without_name["Records"][0].erase("eventName");
  CHECK(s3_notification(without_name) == "s3://b/k");
}

TEST_CASE("s3 notification: another event isn't one") {
  CHECK_FALSE(s3_notification({{"input", "x"}}));
  CHECK_FALSE(s3_notification(json::array()));
  CHECK_FALSE(s3_notification(nullptr));
}

TEST_CASE("s3 notification: what is wrong with one is named") {
  CHECK(error_of({{"Records", 7}}) == "\"Records\" must be a list of one S3 notification, not 7");
  CHECK(error_of({{"Records", json::array()}}) ==
        "\"Records\" must be a list of one S3 notification, not []");
  auto two = notification("b", "k");
  two["Records"].push_back(two["Records"][0]);
  CHECK(error_of(two).starts_with("\"Records\" must be a list of one S3 notification, not [{"));
  CHECK(error_of({{"Records", {{{"s3", {{"bucket", {{"name", "b"}}}}}}}}}) ==
        "the S3 notification lacks s3.object.key");
  CHECK(error_of({{"Records", {7}}}) == "the S3 notification lacks s3.bucket.name");
  auto odd = notification("b", "k");
  odd["Records"][0]["s3"]["bucket"]["name"] = 7;
  CHECK(error_of(odd) == "s3.bucket.name of the S3 notification must be a string, not 7");
  for (const auto* key : {"a%", "a%4", "a%zz", "%+1"}) {
    CHECK(error_of(notification("b", key)).find("two hexadecimal digits") != std::string::npos);
  }
  CHECK(error_of(notification("b", "")).starts_with("the object of the S3 notification must name"));
  CHECK(error_of(notification("b", "a%00")) ==
        "the object of the S3 notification holds a NUL byte");
  auto removed = notification("b", "k");
  removed["Records"][0]["eventName"] = "ObjectRemoved:Delete";
  CHECK(error_of(removed) ==
        "the S3 notification must be of an object that was created, not \"ObjectRemoved:Delete\"");
}
