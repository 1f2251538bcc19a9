#include "event/s3_notification.hpp"

#include <string>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using namespace lambda;
using nlohmann::json;

namespace {

json record(const json& bucket, const json& key) {
  return {{"eventName", "ObjectCreated:Put"},
          {"s3", {{"bucket", {{"name", bucket}}}, {"object", {{"key", key}, {"size", 3}}}}}};
}

json event_of(const json& bucket, const json& key) {
  return {{"Records", {record(bucket, key)}}};
}

std::string key_of(const std::string& encoded) {
  return event::notified_objects(event_of("b", encoded)).at(0).key;
}

std::string error_of(const json& event) {
  return test::message_of<HandlerError>([&] { return event::notified_objects(event); });
}

std::vector<event::ObjectPair> pairs_of(const json& event, const char* output_bucket) {
  return event::notified_pairs(event, "OUT", [&](const char* name) {
    return std::string{name} == "OUT" ? output_bucket : nullptr;
  });
}

}  // namespace

TEST_CASE("s3 notification: what is one") {
  CHECK(event::is_s3_notification(event_of("b", "k")));
  CHECK_FALSE(event::is_s3_notification({{"input", "x"}}));
  CHECK_FALSE(event::is_s3_notification(json::array()));
  CHECK_FALSE(event::is_s3_notification(nullptr));
}

TEST_CASE("s3 notification: keys are decoded") {
  CHECK(key_of("plain/key.png") == "plain/key.png");
  CHECK(key_of("a+b") == "a b");
  CHECK(key_of("a%2Bb%25%2f") == "a+b%/");
  CHECK(key_of("M%C3%BCnchen") == "M\xC3\xBCnchen");
  for (const auto* wrong : {"%", "%4", "%4g", "%-1", "a%"}) {
    CHECK(error_of(event_of("b", wrong)) ==
          "\"Records/0/s3/object/key\" holds a % that two hexadecimal digits don't follow: \"" +
              std::string{wrong} + '"');
  }
  for (const auto* wrong : {"a%00", "%FF"}) {
    CHECK(error_of(event_of("b", wrong)) ==
          "\"Records/0/s3/object/key\" doesn't decode to a key: \"" + std::string{wrong} + '"');
  }
}

TEST_CASE("s3 notification: all records and in order") {
  const auto objects = event::notified_objects({{"Records", {record("b", "1"), record("c", "2")}}});
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].bucket == "b");
  CHECK(objects[1].bucket == "c");
  CHECK(objects[1].key == "2");
}

TEST_CASE("s3 notification: what is missing or wrong is named") {
  CHECK(error_of({{"Records", json::array()}}) ==
        "\"Records\" must be an array of at least one record, not []");
  CHECK(error_of({{"Records", 1}}) == "\"Records\" must be an array of at least one record, not 1");
  CHECK(error_of({{"Records", {record("b", "k"), json::object()}}}) ==
        "\"Records/1/s3/bucket/name\" is missing; an S3 notification has it");
  CHECK(error_of({{"Records", {5}}}) ==
        "\"Records/0/s3/bucket/name\" is missing; an S3 notification has it");
  CHECK(error_of({{"Records", {{{"s3", {{"bucket", {{"name", "b"}}}, {"object", 1}}}}}}}) ==
        "\"Records/0/s3/object/key\" is missing; an S3 notification has it");
  CHECK(error_of(event_of(7, "k")) ==
        "\"Records/0/s3/bucket/name\" must be a text that isn't empty, not 7");
  CHECK(error_of(event_of("b", "")) ==
        "\"Records/0/s3/object/key\" must be a text that isn't empty, not \"\"");
}

TEST_CASE("s3 notification: only of what was created") {
  auto event = event_of("b", "k");
  event["Records"][0]["eventName"] = "ObjectRemoved:Delete";
  CHECK(error_of(event) ==
        "\"Records/0/eventName\" must be of an object that was created, not "
        "\"ObjectRemoved:Delete\"");
  event["Records"][0].erase("eventName");
  CHECK(error_of(event).empty());
}

TEST_CASE("s3 notification: where the output goes") {
  using Pairs = std::vector<event::ObjectPair>;
  CHECK(pairs_of(event_of("b", "x/a+b.png"), "out") ==
        Pairs{{"s3://b/x/a b.png", "s3://out/processed/x/a b.png"}});
  CHECK(pairs_of(event_of("b", "a"), "b") == Pairs{{"s3://b/a", "s3://b/processed/a"}});
  CHECK(pairs_of(event_of("b", "processed/a"), "c") ==
        Pairs{{"s3://b/processed/a", "s3://c/processed/processed/a"}});
  const auto error = [](const json& event, const char* bucket) {
    return test::message_of<HandlerError>([&] { return pairs_of(event, bucket); });
  };
  CHECK(error(event_of("b", "processed/a"), "b") ==
        "s3://b/processed/a is output already; notify of objects outside of \"processed/\" only");
  CHECK(error(event_of("b", "a"), "") ==
        "no output bucket: an S3 notification needs OUT to be set");
  CHECK(error(event_of("b", "a"), nullptr) ==
        "no output bucket: an S3 notification needs OUT to be set");
}
