#include "io/location.hpp"

#include <string>

#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda::io;

namespace {

std::string error_of(std::string_view text) {
  return test::message_of<Error>([&] { return parse_location(text, "\"input\"", {"s3"}); });
}

}  // namespace

TEST_CASE("location: paths stay, file URLs become paths, others stay as they are") {
  CHECK(parse_location("dir/a.csv", "x", {}) == "dir/a.csv");
  CHECK(parse_location("file:///tmp/a%20b", "x", {}) == "/tmp/a b");
  CHECK(parse_location("s3://bucket/a b%20+=\xC3\xBC/k", "x", {"s3"}) ==
        "s3://bucket/a b%20+=\xC3\xBC/k");
  CHECK(parse_location("odd dir/://x", "x", {}) == "odd dir/://x");
}

TEST_CASE("location: what is incomplete or of another scheme is refused") {
  CHECK(error_of("http://host/x") ==
        "\"input\" must be a path, a file:// URL or s3://...; http:// isn't supported");
  CHECK(error_of("s3://bucket") == "\"input\" must name a bucket and a key, as in s3://bucket/key");
  CHECK(error_of("s3:///key") == "\"input\" must name a bucket and a key, as in s3://bucket/key");
  CHECK(test::message_of<Error>([] {
          return parse_location("dynamodb://", "\"output\"", {"dynamodb"});
        }) == "\"output\" must name a table, as in dynamodb://table");
}

TEST_CASE("location: bucket, key and table") {
  const auto object = s3_object("s3://bucket//a/b");
  REQUIRE(object);
  CHECK(object->bucket == "bucket");
  CHECK(object->key == "/a/b");
  CHECK_FALSE(s3_object("/s3://bucket/key"));
  CHECK(dynamodb_table("dynamodb://records") == "records");
  CHECK_FALSE(dynamodb_table("records.sqlite"));
}
