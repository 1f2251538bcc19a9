// S3Client against Swift, with AWS's SDK as the other reader and writer.
#include "aws/s3_client.hpp"

#include <fstream>
#include <random>

#include "aws_peers.hpp"
#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using lambda::io::Error;
using lambda::testing::ask_sdk;
using lambda::testing::Clients;
using lambda::testing::enough_tries;
using lambda::testing::FaultProxy;
using lambda::testing::swift;
using nlohmann::json;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20U;

/// A bucket of its own for each test.
std::string make_bucket() {
  static int count = 0;
  const std::string bucket = "bucket-" + std::to_string(++count);
  ask_sdk({"s3", "create-bucket", bucket});
  return bucket;
}

/// Bytes that are nowhere the same.
std::string noise(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::string bytes;
  bytes.reserve(size + 4);
  while (bytes.size() < size) {
    const auto word = static_cast<std::uint32_t>(random());
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(size);
  return bytes;
}

class Sdk {
 public:
  void put(const std::string& bucket, const std::string& key, const std::string& bytes) const {
    ask_sdk({"s3", "put", bucket, key, directory_.write("in", bytes)});
  }

  [[nodiscard]] std::string get(const std::string& bucket, const std::string& key) const {
    ask_sdk({"s3", "get", bucket, key, directory_.file("out")});
    return test::read(directory_.file("out"));
  }

 private:
  test::TemporaryDirectory directory_;
};

/// Whether two texts are equal: a CHECK would print megabytes if not.
bool same(const std::string& a, const std::string& b) {
  return a == b;
}

}  // namespace

TEST_CASE("what we put into S3 others get and the other way round") {
  const std::string bucket = make_bucket();
  const Sdk sdk;
  Clients clients;
  for (const std::string key :
       {"plain.csv", "a folder/with spaces.csv", "plus+equals=percent%41&and?question#hash",
        "\u00fcml\u00e4ut/\u65e5\u672c\u8a9e/\U0001F600", "two//slashes", "/leading", "trailing/",
        "quotes'\"<>[]{}|\\^`~*!()@:;,$"}) {
    INFO(key);
    const std::string ours = "ours: " + key;
    clients.put(bucket, key, ours);
    CHECK(sdk.get(bucket, key) == ours);
    const std::string theirs = "theirs: " + key;
    sdk.put(bucket, key, theirs);
    CHECK(clients.get(bucket, key) == theirs);
  }
  CHECK(ask_sdk({"s3", "list", bucket}).size() == 8);
}

TEST_CASE("objects of all sizes arrive as they are") {
  const std::string bucket = make_bucket();
  const Sdk sdk;
  Clients::Options options;
  options.s3.part_size = 5 * mib;
  options.s3.multipart_threshold = 5 * mib;
  Clients clients(options);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, 5 * mib, 5 * mib + 1, 17 * mib + 17}) {
    INFO(size);
    const std::string bytes = noise(size);
    clients.put(bucket, "ours", bytes);
    CHECK(same(sdk.get(bucket, "ours"), bytes));
    const json listed = ask_sdk({"s3", "list", bucket}).at(0);
    const std::size_t parts = size > 5 * mib ? (size + 5 * mib - 1) / (5 * mib) : 0;
    const std::string suffix = parts == 0 ? "" : '-' + std::to_string(parts);
    CHECK(listed.at("etag").get<std::string>().substr(33) == suffix + '"');
    CHECK(same(clients.get(bucket, "ours"), bytes));

    sdk.put(bucket, "theirs", bytes);
    CHECK(same(clients.get(bucket, "theirs"), bytes));
  }
  CHECK(ask_sdk({"s3", "uploads", bucket}).empty());
}

TEST_CASE("a file of the size of the example's comes in parts") {
  const std::string bucket = make_bucket();
  const std::string bytes = noise(48'000'000);
  Sdk().put(bucket, "records.csv", bytes);
  Clients clients;
  std::size_t arrived = 0;
  int parts = 0;
  const auto object = clients.run(
      clients.s3().get_parts({bucket, "records.csv"}, [&](const lambda::aws::S3Part& part) {
        CHECK(part.offset == arrived);
        CHECK((bytes.compare(part.offset, part.bytes.size(), part.bytes) == 0));
        arrived += part.bytes.size();
        ++parts;
      }));
  CHECK(arrived == bytes.size());
  CHECK(parts == 6);
  CHECK((object->view() == bytes));
}

TEST_CASE("the content type arrives") {
  const std::string bucket = make_bucket();
  Clients clients;
  clients.put(bucket, "picture.png", "not one", "image/png");
  const test::TemporaryDirectory directory;
  const json found = ask_sdk({"s3", "get", bucket, "picture.png", directory.file("out")});
  CHECK(found.at("content_type") == "image/png");
}

TEST_CASE("what S3 refuses is one line that says why") {
  const std::string bucket = make_bucket();
  const std::string at = "s3://" + bucket + "/key: ";
  Clients clients;
  CHECK(test::message_of<Error>([&] { return clients.get(bucket, "key"); }) ==
        at + "404 NoSuchKey: The specified key does not exist.");
  CHECK(test::message_of<Error>([&] { return clients.get("no-such-bucket", "key"); }) ==
        "s3://no-such-bucket/key: 404 NoSuchBucket: The specified bucket does not exist.");

  Clients::Options options;
  options.secret_key = "wrong";
  Clients wrong_secret(options);
  const std::string refused =
      at +
      "403 SignatureDoesNotMatch: The request signature we calculated does not match the "
      "signature you provided. Check your key and signing method.";
  CHECK(test::message_of<Error>([&] { return wrong_secret.get(bucket, "key"); }) == refused);
  CHECK(test::message_of<Error>([&] {
          wrong_secret.put(bucket, "key", "x");
          return 0;
        }) == refused);

  options.access_key = "test:nobody";
  Clients unknown(options);
  CHECK_THAT(test::message_of<Error>([&] { return unknown.get(bucket, "key"); }),
             Catch::StartsWith(at + "403 ") && !Catch::Contains("wrong"));
  CHECK(ask_sdk({"s3", "list", bucket}).empty());
}

TEST_CASE("an object that is replaced while it is read is an error") {
  const std::string bucket = make_bucket();
  const Sdk sdk;
  sdk.put(bucket, "key", noise(3 * mib, 1));
  Clients::Options options;
  options.s3.part_size = mib;
  options.s3.parts_at_once = 1;
  Clients clients(options);
  int parts = 0;
  const auto replace = [&](const lambda::aws::S3Part&) {
    if (++parts == 1) sdk.put(bucket, "key", noise(3 * mib, 2));
  };
  const std::string message = test::message_of<Error>(
      [&] { return clients.run(clients.s3().get_parts({bucket, "key"}, replace)); });
  CHECK_THAT(message, Catch::StartsWith("s3://" + bucket + "/key: ") &&
                          Catch::Contains("replaced") && !Catch::Contains("\n"));
  CHECK(parts == 1);
}

TEST_CASE("downloads get through whatever happens on the way") {
  const std::string bucket = make_bucket();
  const std::string bytes = noise(12 * mib + 3);
  Sdk().put(bucket, "key", bytes);
  json all = json::object();
  for (int seed = 1; seed <= 3; ++seed) {
    FaultProxy proxy(swift(),
                     "slow-down=10%,slow-down:retry-after=0=5%,internal-error=5%,reset-before=5%,"
                     "reset-after=5%,truncate=15%,slow:bytes=100000:delay=1=5%",
                     seed);
    Clients::Options options;
    options.s3_endpoint = proxy.endpoint();
    options.s3.part_size = mib / 2;
    options.tries = enough_tries;
    Clients clients(options);
    CHECK(same(clients.get(bucket, "key"), bytes));
    const json counts = proxy.counts();
    INFO(counts);
    CHECK(counts.at("upstream_failures") == 0);
    all.update(counts.at("faults"));
  }
  INFO(all);
  CHECK(all.size() == 6);
}

TEST_CASE("an upload gets through whatever happens on the way") {
  const std::string bucket = make_bucket();
  FaultProxy proxy(swift(),
                   "reset-before@1,reset-after@2,slow-down@3,slow-down:retry-after=0@4,"
                   "internal-error@5,slow:bytes=10:delay=0@6");
  Clients::Options options;
  options.s3_endpoint = proxy.endpoint();
  Clients(options).put(bucket, "key", "all of it");
  CHECK(Sdk().get(bucket, "key") == "all of it");
  const json counts = proxy.counts();
  INFO(counts);
  CHECK(counts.at("requests") == 6);
  CHECK(counts.at("upstream_failures") == 0);
}

TEST_CASE("an upload goes on at once when its kept connection turns out to be dead") {
  // curl connects anew by itself then, and may get the number of the descriptor that it has just
  // closed. If nobody watched the new one, it would go on by curl's timers only, until the bound of
  // what a test waits for.
  const std::string bucket = make_bucket();
  FaultProxy proxy(swift(), "internal-error@1,reset-before@2");
  Clients::Options options;
  options.s3_endpoint = proxy.endpoint();
  options.s3.multipart_threshold = 20 * mib;
  Clients(options).put(bucket, "key", noise(20 * mib));
  CHECK(proxy.counts().at("requests") == 3);
}

TEST_CASE("an upload in parts gets through whatever happens on the way") {
  const std::string bucket = make_bucket();
  const std::string bytes = noise(11 * mib);
  // Of POST first the beginning, then the end; of PUT the parts, in any order.
  FaultProxy proxy(swift(),
                   "internal-error:for=POST@1,truncate:for=POST@2,slow-down:for=POST@4,"
                   "truncate:for=POST@5,reset-after:for=PUT@1,slow-down:for=PUT@2,"
                   "reset-before:for=PUT@4,internal-error:for=PUT@5");
  Clients::Options options;
  options.s3_endpoint = proxy.endpoint();
  options.s3.part_size = options.s3.multipart_threshold = 5 * mib;
  Clients(options).put(bucket, "key", bytes);
  CHECK(same(Sdk().get(bucket, "key"), bytes));
  const json counts = proxy.counts();
  INFO(counts);
  CHECK(counts.at("faults") == json{{"internal-error", 2},
                                    {"truncate", 2},
                                    {"slow-down", 2},
                                    {"reset-after", 1},
                                    {"reset-before", 1}});
  CHECK(counts.at("requests") == 13);
}

TEST_CASE("an upload that fails leaves nothing open") {
  const std::string bucket = make_bucket();
  FaultProxy proxy(swift(), "internal-error:for=PUT@2-99");
  Clients::Options options;
  options.s3_endpoint = proxy.endpoint();
  options.s3.part_size = options.s3.multipart_threshold = 5 * mib;
  options.tries = 2;
  Clients clients(options);
  const std::string message = test::message_of<Error>([&] {
    clients.put(bucket, "key", noise(11 * mib));
    return 0;
  });
  CHECK_THAT(message, Catch::StartsWith("s3://" + bucket + "/key: ") &&
                          Catch::Contains("500 InternalError") && !Catch::Contains("\n"));
  CHECK(proxy.counts().at("faults").at("internal-error") >= 2);
  CHECK(ask_sdk({"s3", "uploads", bucket}).empty());
  CHECK(ask_sdk({"s3", "list", bucket}).empty());
}

TEST_CASE("a part of another object is never taken for one of this") {
  const std::string bucket = make_bucket();
  Sdk().put(bucket, "key", noise(3 * mib));
  FaultProxy proxy(swift(), "wrong-etag@2-99");
  Clients::Options options;
  options.s3_endpoint = proxy.endpoint();
  options.s3.part_size = mib;
  Clients clients(options);
  CHECK_THAT(test::message_of<Error>([&] { return clients.get(bucket, "key"); }),
             Catch::StartsWith("s3://" + bucket + "/key: "));
  CHECK(proxy.counts().at("faults").at("wrong-etag") >= 1);
}
