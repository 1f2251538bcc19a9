#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <charconv>
#include <mutex>
#include <string>

#include "aws/content_range.hpp"
#include "aws/s3_client.hpp"
#include "bench.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::aws;
using namespace lambda::testing;

namespace {

std::string made_up(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761U) >> 11U);
  return text;
}

// A server of one object that knows ranges, with a chance to spoil the n-th answer for a range.
class ObjectServer {
 public:
  using Spoil = std::function<std::optional<Step>(const std::string& range, int nth)>;

  explicit ObjectServer(std::string object, Spoil spoil = {})
      : object_(std::move(object)), spoil_(std::move(spoil)) {}

  [[nodiscard]] std::string etag() const { return "\"the-etag\""; }

  Step answer(const Received& request) {
    const std::string range{request.headers.get("Range")};
    if (spoil_) {
      if (auto step = spoil_(range, ++asked_[range])) return *step;
    }
    const auto dash = range.find('-');
    const auto first = std::stoul(range.substr(6, dash - 6));
    const auto last = std::min(std::stoul(range.substr(dash + 1)), object_.size() - 1);
    const auto match = request.headers.find("If-Match");
    if (match && *match != etag()) return s3_refusal(412, "PreconditionFailed");
    if (first >= object_.size()) return s3_refusal(416, "InvalidRange");
    return part(first, last);
  }

  [[nodiscard]] Step part(std::size_t first, std::size_t last) const {
    return reply(206,
                 {{"Content-Range", "bytes " + std::to_string(first) + '-' + std::to_string(last) +
                                        '/' + std::to_string(object_.size())},
                  {"ETag", etag()}},
                 object_.substr(first, last - first + 1));
  }

 private:
  std::string object_;
  Spoil spoil_;
  std::map<std::string, int> asked_;
};

struct Bench : AwsBench {
  ObjectServer objects;
  ScriptedServer server{[this](const Received& request) { return objects.answer(request); }};
  S3Client client{http, credentials, config(server), {.part_size = 1000, .parts_at_once = 4}};

  explicit Bench(std::string object, ObjectServer::Spoil spoil = {})
      : objects(std::move(object), std::move(spoil)) {}

  std::string get() { return std::string{run(client.get({"b", "k"})).view()}; }
  std::string error() { return error_of(client.get({"b", "k"})); }
};

// A server whose n-th answer is the n-th of the script.
struct Scripted : AwsBench {
  ScriptedServer server;
  S3Client client{http, credentials, config(server), {.part_size = 4, .parts_at_once = 1}};

  explicit Scripted(std::vector<Step> script) : server(std::move(script)) {}

  std::string get() { return std::string{run(client.get({"b", "k"})).view()}; }
  std::string error() { return error_of(client.get({"b", "k"})); }
};

Step part(const std::string& range, const std::string& body, const std::string& etag = "\"1\"") {
  return reply(206, {{"Content-Range", "bytes " + range}, {"ETag", etag}}, body);
}

}  // namespace

TEST_CASE("s3 get: objects around the size of a part arrive whole") {
  for (const std::size_t size : {1U, 999U, 1000U, 1001U, 1999U, 2000U, 2001U, 12'345U}) {
    Bench bench(made_up(size));
    INFO(size);
    const bool equal = bench.get() == made_up(size);
    CHECK(equal);
    CHECK(bench.server.requests().size() == (size + 999) / 1000);
    CHECK(bench.waits.empty());
  }
}

TEST_CASE("s3 get: parts are asked for on condition that the object is the same") {
  Bench bench(made_up(20'000));
  bench.get();
  for (const auto& request : bench.server.requests()) {
    const bool first = request.headers.get("Range") == "bytes=0-999";
    CHECK(request.headers.get("If-Match") == (first ? "" : bench.objects.etag()));
    CHECK(request.target == "/b/k");
  }
}

TEST_CASE("s3 get: parts are asked for several at a time, and cancelling ends them") {
  const auto spoil = [](const std::string& range, int) -> std::optional<Step> {
    if (range == "bytes=0-999") return std::nullopt;
    return raw("", Step::Then::hang);
  };
  Bench bench(made_up(20'000), spoil);
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  asio::co_spawn(
      bench.context, bench.client.get({"b", "k"}),
      asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, const io::Bytes&) {
        failure = std::move(error);
      }));
  while (bench.server.requests().size() < 5) {
    REQUIRE(bench.context.run_one_for(std::chrono::seconds(20)) != 0);
  }
  signal.emit(asio::cancellation_type::terminal);
  while (failure == nullptr) {
    REQUIRE(bench.context.run_one_for(std::chrono::seconds(20)) != 0);
  }
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
  }
  CHECK(bench.server.requests().size() == 5);
}

TEST_CASE("s3 get: the others don't wait for the bytes of the first part") {
  const ObjectServer whole(made_up(3000));
  const auto spoil = [&](const std::string& range, int) -> std::optional<Step> {
    if (range != "bytes=0-999") return std::nullopt;
    auto step = whole.part(0, 999);
    step.bytes.resize(step.bytes.size() - 500);
    step.then = Step::Then::hang;
    return step;
  };
  Bench bench(made_up(3000), spoil);
  asio::cancellation_signal signal;
  bool ended = false;
  asio::co_spawn(bench.context, bench.client.get({"b", "k"}),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](std::exception_ptr, const io::Bytes&) { ended = true; }));
  while (bench.server.requests().size() < 3) {
    REQUIRE(bench.context.run_one_for(std::chrono::seconds(20)) != 0);
  }
  CHECK(bench.waits.empty());  // no second try of the first
  signal.emit(asio::cancellation_type::terminal);
  while (!ended) REQUIRE(bench.context.run_one_for(std::chrono::seconds(20)) != 0);
}

TEST_CASE("s3 get: a first part that is asked for again must be of the same object") {
  const auto changed = [](const std::string& object, const std::string& etag) {
    const ObjectServer before(made_up(3000));
    const auto spoil = [&](const std::string& range, int nth) -> std::optional<Step> {
      if (range != "bytes=0-999") return std::nullopt;
      auto step =
          nth == 1 ? before.part(0, 999)
                   : part("0-999/" + std::to_string(object.size()), object.substr(0, 1000), etag);
      if (nth == 1) {
        step.bytes.resize(step.bytes.size() - 1);
        step.then = Step::Then::close;
      }
      return step;
    };
    return Bench(made_up(3000), spoil).error();
  };
  const ObjectServer same(made_up(3000));
  CHECK(changed(made_up(3000), same.etag()).empty());
  CHECK(changed(made_up(3000), "\"other\"") ==
        "s3://b/k: the object was replaced while it was read");
  CHECK(changed(made_up(4000), same.etag()) ==
        "s3://b/k: the object was replaced while it was read");
}

TEST_CASE("s3 get: an object that is empty when its first part is asked for again was replaced") {
  const ObjectServer whole(made_up(3000));
  const auto spoil = [&](const std::string& range, int nth) -> std::optional<Step> {
    if (range != "bytes=0-999") return std::nullopt;
    if (nth > 1) return s3_refusal(416, "InvalidRange");
    auto step = whole.part(0, 999);
    step.bytes.resize(step.bytes.size() - 1);
    step.then = Step::Then::close;
    return step;
  };
  CHECK(Bench(made_up(3000), spoil).error() ==
        "s3://b/k: the object was replaced while it was read");
}

TEST_CASE("s3 get: an empty object") {
  Scripted bench({s3_refusal(416, "InvalidRange")});
  CHECK(bench.get().empty());
  Scripted other({reply(200, {{"ETag", "\"1\""}})});
  CHECK(other.get().empty());
}

TEST_CASE("s3 get: a server that knows no ranges sends all at once") {
  Scripted bench({reply(200, {}, "more than four")});
  CHECK(bench.get() == "more than four");
}

TEST_CASE("s3 get: a part that comes short or in tatters is asked for again") {
  const auto object = made_up(5000);
  const ObjectServer whole(object);
  const auto spoil = [&](const std::string& range, int nth) -> std::optional<Step> {
    if (nth > 1) return std::nullopt;
    if (range == "bytes=0-999") {
      auto step = whole.part(0, 999);
      step.bytes.resize(step.bytes.size() - 7);
      step.then = Step::Then::close;
      return step;
    }
    if (range == "bytes=1000-1999") return raw("", Step::Then::reset);
    if (range == "bytes=2000-2999") return s3_refusal(503, "SlowDown");
    if (range == "bytes=3000-3999") return whole.part(3000, 3998);
    // A shorter body than the range, well-formed as chunks are.
    return raw(
        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 4000-4999/5000\r\n"
        "ETag: \"the-etag\"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
  };
  Bench bench(object, spoil);
  const bool equal = bench.get() == object;
  CHECK(equal);
  CHECK(bench.server.requests().size() == 10);
}

TEST_CASE("s3 get: more bytes than the range are not believed") {
  Scripted bench({part("0-3/6", "abcd"),
                  raw("HTTP/1.1 206 Partial\r\nContent-Range: bytes 4-5/6\r\nETag: \"1\"\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"),
                  part("4-5/6", "ef")});
  CHECK(bench.get() == "abcdef");
}

TEST_CASE("s3 get: another object's part is an error, not a mixture") {
  CHECK(Scripted({part("0-3/6", "abcd"), s3_refusal(412, "PreconditionFailed")}).error() ==
        "s3://b/k: the object was replaced while it was read");
  CHECK(Scripted({part("0-3/6", "abcd"), s3_refusal(416, "InvalidRange")}).error() ==
        "s3://b/k: the object was replaced while it was read");
  CHECK(Scripted({part("0-3/6", "abcd"), part("4-5/6", "ef", "\"2\"")}).error() ==
        "s3://b/k: the object was replaced while it was read");
}

TEST_CASE("s3 get: answers that don't fit the question") {
  const auto twice = [](const Step& first, const Step& step) {
    std::vector<Step> script{first};
    script.insert(script.end(), 8, step);
    return script;
  };
  CHECK(Scripted(twice(part("0-3/6", "abcd"), part("3-4/6", "de"))).error() ==
        "s3://b/k: gave up after 8 tries: status 206 with Content-Range \"bytes 3-4/6\" instead of "
        "bytes 4-5");
  CHECK(Scripted(twice(part("0-3/6", "abcd"), reply(200, {}, "abcdef"))).error() ==
        "s3://b/k: gave up after 8 tries: status 200 with Content-Range \"\" instead of bytes 4-5");
  const auto sizeless = part("0-3/*", "abcd");
  CHECK(Scripted(twice(sizeless, sizeless)).error() ==
        "s3://b/k: gave up after 8 tries: status 206 without the size of the object, "
        "Content-Range \"bytes 0-3/*\"");
  const auto huge = part("0-3/9000000000000000000", "abcd");
  CHECK(Scripted({huge}).error() == "s3://b/k: 9000000000000000000 bytes don't fit into memory");
}

TEST_CASE("s3 get: refusals name the object, the status and S3's words") {
  CHECK(Scripted({s3_refusal(404, "NoSuchKey", "The specified key does not exist.")}).error() ==
        "s3://b/k: 404 NoSuchKey: The specified key does not exist.");
  CHECK(Scripted({s3_refusal(404, "NoSuchBucket", "No.")}).error() ==
        "s3://b/k: 404 NoSuchBucket: No.");
  CHECK(Scripted({s3_refusal(403, "AccessDenied", "Access Denied")}).error() ==
        "s3://b/k: 403 AccessDenied: Access Denied");
  CHECK(Scripted({part("0-3/6", "abcd"), s3_refusal(404, "NoSuchKey")}).error() ==
        "s3://b/k: 404 NoSuchKey: Sorry.");
  CHECK(Scripted({reply(301, {{"x-amz-bucket-region", "eu-west-3"}})}).error() ==
        "s3://b/k: 301: (the bucket's region is eu-west-3)");
}

TEST_CASE("s3 get: odd keys go out as they are") {
  Scripted bench({reply(200, {}, "x")});
  CHECK(bench.run(bench.client.get({"b", "../a b//\xC3\xA4+%?#"})).view() == "x");
  CHECK(bench.server.requests().at(0).target == "/b/../a%20b//%C3%A4%2B%25%3F%23");
  CHECK(bench.error_of(bench.client.get({"b/../c", "k"})) ==
        "s3://b/../c/k: the name of a bucket has letters, digits, dots, hyphens and underscores");
  CHECK(bench.error_of(bench.client.get({"..", "k"})) != "");
  CHECK(bench.error_of(bench.client.get({"evil.com#", "k"})) != "");
}

TEST_CASE("s3 get: AWS's own hosts") {
  AwsBench bench;
  ServiceConfig config;
  config.region = "eu-central-1";
  config.retry = bench.retry();
  config.retry.backoff.max_failures = 1;
  // A port on this machine that nobody listens to stands in for the proxy; the error names the URL.
  ::setenv("https_proxy", "http://127.0.0.1:1", 1);
  const auto error = [&](const std::string& region, const std::string& bucket) {
    config.region = region;
    S3Client client(bench.http, bench.credentials, config);
    return bench.error_of(client.get({bucket, "k"}));
  };
  const auto own = error("eu-central-1", "bucket");
  const auto dotted = error("eu-central-1", "my.bucket");
  const auto china = error("cn-north-1", "bucket");
  ::unsetenv("https_proxy");
  CHECK(own.find("GET https://bucket.s3.eu-central-1.amazonaws.com/k") != std::string::npos);
  CHECK(dotted.find("GET https://s3.eu-central-1.amazonaws.com/my.bucket/k") != std::string::npos);
  CHECK(china.find("GET https://bucket.s3.cn-north-1.amazonaws.com.cn/k") != std::string::npos);
}

TEST_CASE("s3 get: parts are told of in order and without gaps") {
  const auto object = made_up(10'500);
  // Later parts first: an early one needs a second try.
  const auto spoil = [](const std::string& range, int nth) -> std::optional<Step> {
    if (nth == 1 && (range == "bytes=1000-1999" || range == "bytes=5000-5999")) return reply(503);
    return std::nullopt;
  };
  Bench bench(object, spoil);
  std::string told;
  std::vector<std::size_t> offsets;
  bool in_place = true;
  auto on_part = [&](const S3Part& part) {
    offsets.push_back(part.offset);
    told += part.bytes;
    in_place = in_place && part.bytes.data() == part.object->view().data() + part.offset &&
               part.object->size() == object.size();
  };
  const auto bytes = bench.run(bench.client.get_parts({"b", "k"}, on_part));
  const bool equal = told == object && bytes->view() == object;
  CHECK(equal);
  CHECK(in_place);
  CHECK(offsets.size() == 11);
  CHECK(std::is_sorted(offsets.begin(), offsets.end()));
}

TEST_CASE("s3 get: what has arrived stays although a later part fails") {
  const auto object = made_up(3000);
  const auto spoil = [](const std::string& range, int) -> std::optional<Step> {
    if (range == "bytes=2000-2999") return s3_refusal(403, "AccessDenied");
    return std::nullopt;
  };
  Bench bench(object, spoil);
  std::vector<S3Part> parts;
  auto keep = [&](const S3Part& part) { parts.push_back(part); };
  CHECK(bench.error_of(bench.client.get_parts({"b", "k"}, keep)) ==
        "s3://b/k: 403 AccessDenied: Sorry.");
  REQUIRE_FALSE(parts.empty());
  const bool equal = parts[0].bytes == object.substr(0, 1000);
  CHECK(equal);
}

TEST_CASE("s3 get: what the hook throws ends the download") {
  Bench bench(made_up(3000));
  auto refuse = [](const S3Part&) { throw std::invalid_argument("not that"); };
  CHECK_THROWS_WITH(bench.run(bench.client.get_parts({"b", "k"}, refuse)), "not that");
}
