#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <map>
#include <string>

#include "aws/digest.hpp"
#include "aws/s3_client.hpp"
#include "bench.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::aws;
using namespace lambda::testing;

namespace {

const std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

Step begun() {
  return reply(
      200, {},
      xml +
          "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
          "<Bucket>b</Bucket><Key>k</Key><UploadId>up+load/1==</UploadId>"
          "</InitiateMultipartUploadResult>");
}

Step completed() {
  return reply(200, {},
               xml +
                   "<CompleteMultipartUploadResult><ETag>&quot;e-3&quot;</ETag>"
                   "</CompleteMultipartUploadResult>");
}

// Puts uploaded parts together; `spoil` may answer first.
struct Bench : AwsBench {
  using Spoil = std::function<std::optional<Step>(const Received&, int nth)>;

  Spoil spoil;
  std::map<std::string, int> asked;
  ScriptedServer server{[this](const Received& request) { return answer(request); }};
  S3Client client{http,
                  credentials,
                  config(server),
                  {.part_size = 1000, .parts_at_once = 3, .multipart_threshold = 1500}};

  explicit Bench(Spoil how = {}) : spoil(std::move(how)) {}

  Step answer(const Received& request) {
    if (spoil) {
      const int nth = ++asked[request.method + request.target];
      if (auto step = spoil(request, nth)) return *step;
    }
    if (request.method == "POST") {
      return request.target.ends_with("?uploads=") ? begun() : completed();
    }
    if (request.method == "DELETE") return reply(204);
    return reply(200,
                 {{"ETag", "\"<" + request.target.substr(request.target.find('?') + 1) + ">\""}});
  }

  void put(const std::string& bytes) { run(client.put({"b", "k"}, bytes, "text/plain")); }
  std::string error(const std::string& bytes) {
    return error_of(client.put({"b", "k"}, bytes, "text/plain"));
  }

  [[nodiscard]] std::vector<Received> with_method(const std::string& method) const {
    std::vector<Received> result;
    for (auto& request : server.requests()) {
      if (request.method == method) result.push_back(request);
    }
    return result;
  }
};

bool is_part_2(const Received& request) {
  return request.target.find("partNumber=2&") != std::string::npos;
}

}  // namespace

TEST_CASE("s3 put: a small object goes in one request, with its type and its sum") {
  Bench bench;
  const std::string body(1500, 'x');
  bench.put(body);
  const auto requests = bench.server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].method == "PUT");
  CHECK(requests[0].target == "/b/k");
  CHECK(requests[0].body == body);
  CHECK(requests[0].headers.get("Content-Type") == "text/plain");
  CHECK(requests[0].headers.get("x-amz-content-sha256") == sha256_hex(body));
  CHECK(requests[0].headers.get("Authorization").find("content-type;host") != std::string::npos);
}

TEST_CASE("s3 put: an empty object, and one that is hashed off the loop") {
  Bench bench;
  bench.put("");
  CHECK(bench.server.requests().at(0).body.empty());
  CHECK(bench.server.requests().at(0).headers.get("Content-Length") == "0");
  S3Client client(bench.http, bench.credentials, bench.config(bench.server));
  const std::string big(3'000'000, 'y');
  bench.run(client.put({"b", "k"}, big, ""));
  const auto request = bench.server.requests().at(1);
  const bool equal = request.body == big;
  CHECK(equal);
  CHECK(request.headers.get("x-amz-content-sha256") == sha256_hex(big));
  CHECK_FALSE(request.headers.find("Content-Type"));
}

TEST_CASE("s3 put: a large object goes in parts") {
  Bench bench;
  std::string body;
  for (int i = 0; body.size() < 2500; ++i) body += std::to_string(i) + ',';
  body.resize(2500);
  bench.put(body);
  const auto posts = bench.with_method("POST");
  REQUIRE(posts.size() == 2);
  CHECK(posts[0].headers.get("Content-Type") == "text/plain");
  CHECK(posts[1].target == "/b/k?uploadId=up%2Bload%2F1%3D%3D");
  auto puts = bench.with_method("PUT");
  REQUIRE(puts.size() == 3);
  std::sort(puts.begin(), puts.end(),
            [](const Received& a, const Received& b) { return a.target < b.target; });
  CHECK(puts[0].target == "/b/k?partNumber=1&uploadId=up%2Bload%2F1%3D%3D");
  CHECK(puts[0].body + puts[1].body + puts[2].body == body);
  CHECK(puts[2].body.size() == 500);
  for (const auto& put : puts) {
    CHECK(put.headers.get("x-amz-content-sha256") == sha256_hex(put.body));
  }
  std::string expected =
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (int i = 1; i <= 3; ++i) {
    expected += "<Part><PartNumber>" + std::to_string(i) +
                "</PartNumber><ETag>\"&lt;partNumber=" + std::to_string(i) +
                "&amp;uploadId=up%2Bload%2F1%3D%3D&gt;\"</ETag></Part>";
  }
  CHECK(posts[1].body == "<?xml version=\"1.0\"?>" + expected + "</CompleteMultipartUpload>");
  CHECK(bench.with_method("DELETE").empty());
}

TEST_CASE("s3 put: each request of an upload in parts is tried again where that may help") {
  Bench bench([](const Received& request, int nth) -> std::optional<Step> {
    if (request.method == "POST" && request.target.ends_with("uploads=")) {
      if (nth == 1) return s3_refusal(503, "SlowDown");
      if (nth == 2) return reply(200, {}, "<html/>");
    } else if (request.method == "POST") {
      // S3 begins its answer with 200 before it knows.
      if (nth == 1) return s3_refusal(200, "InternalError");
      if (nth == 2) return reply(200);
    } else if (is_part_2(request)) {
      if (nth == 1) return raw("", Step::Then::reset);
      if (nth == 2) return reply(200);  // no ETag
    }
    return std::nullopt;
  });
  bench.put(std::string(2500, 'x'));
  CHECK(bench.with_method("POST").size() == 6);
  CHECK(bench.with_method("DELETE").empty());
}

TEST_CASE("s3 put: a failed upload in parts is aborted") {
  Bench bench([](const Received& request, int) -> std::optional<Step> {
    if (is_part_2(request)) return s3_refusal(403, "AccessDenied", "No.");
    return std::nullopt;
  });
  CHECK(bench.error(std::string(9500, 'x')) == "s3://b/k: 403 AccessDenied: No.");
  const auto aborts = bench.with_method("DELETE");
  REQUIRE(aborts.size() == 1);
  CHECK(aborts[0].target == "/b/k?uploadId=up%2Bload%2F1%3D%3D");
  CHECK(bench.with_method("POST").size() == 1);
}

TEST_CASE("s3 put: an upload that isn't completed is aborted, and a failed abort hides nothing") {
  Bench bench([](const Received& request, int) -> std::optional<Step> {
    if (request.method == "DELETE") return reply(500);
    if (request.method == "POST" && !request.target.ends_with("uploads=")) {
      return s3_refusal(200, "InvalidPart", "One is lost.");
    }
    return std::nullopt;
  });
  CHECK(bench.error(std::string(2500, 'x')) == "s3://b/k: 200 InvalidPart: One is lost.");
  CHECK(bench.with_method("DELETE").size() == 1);
}

TEST_CASE("s3 put: a cancelled upload in parts is aborted") {
  Bench bench([](const Received& request, int) -> std::optional<Step> {
    if (is_part_2(request)) return raw("", Step::Then::hang);
    return std::nullopt;
  });
  const std::string body(9500, 'x');
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  asio::co_spawn(bench.context, bench.client.put({"b", "k"}, body, ""),
                 asio::bind_cancellation_slot(
                     signal.slot(), [&](std::exception_ptr error) { failure = std::move(error); }));
  // All parts but the hanging one.
  while (bench.with_method("PUT").size() < 10) {
    REQUIRE(bench.context.run_one_for(std::chrono::seconds(20)) != 0);
  }
  CHECK(failure == nullptr);
  signal.emit(asio::cancellation_type::terminal);
  while (failure == nullptr) {
    REQUIRE(bench.context.run_one_for(std::chrono::seconds(20)) != 0);
  }
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
  }
  CHECK(bench.with_method("DELETE").size() == 1);
}

TEST_CASE("s3 put: refusals name the object") {
  Bench bench([](const Received&, int) { return s3_refusal(404, "NoSuchBucket", "No such."); });
  CHECK(bench.error("x") == "s3://b/k: 404 NoSuchBucket: No such.");
  CHECK(bench.error(std::string(2500, 'x')) == "s3://b/k: 404 NoSuchBucket: No such.");
}

namespace {

// Of 1000, 1000 and 500 times 'x', and of the object that is made of them; from Python's hashlib.
constexpr auto etag_of_1000 = "\"398533d48111e9f664b1f64cb10c4b63\"";
constexpr auto etag_of_500 = "\"86c489dfa7e78a487a06b1860805b086\"";
constexpr auto etag_of_all = "\"5e8459717bd6763dfe94d85b98576edc-3\"";

// An upload whose completion is done, but nobody hears of it; then HEAD is answered by `head`.
Bench::Spoil lost_completion(Step head) {
  return [head = std::move(head)](const Received& request, int nth) -> std::optional<Step> {
    if (request.method == "PUT") {
      const bool last = request.target.find("partNumber=3&") != std::string::npos;
      return reply(200, {{"ETag", last ? etag_of_500 : etag_of_1000}});
    }
    if (request.method == "HEAD") return head;
    if (request.method == "POST" && !request.target.ends_with("uploads=")) {
      return nth == 1 ? raw("", Step::Then::reset) : s3_refusal(404, "NoSuchUpload", "Gone.");
    }
    return std::nullopt;
  };
}

Step head_of(int size, const std::string& etag) {
  return raw("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\nETag: " + etag +
             "\r\n\r\n");
}

}  // namespace

TEST_CASE("s3 put: a completion whose answer got lost is one if the object is there") {
  Bench bench(lost_completion(head_of(2500, etag_of_all)));
  bench.put(std::string(2500, 'x'));
  CHECK(bench.with_method("HEAD").at(0).target == "/b/k");
  CHECK(bench.with_method("DELETE").empty());
}

TEST_CASE("s3 put: a completion whose answer got lost is an error if the object is another") {
  for (const Step& head :
       {head_of(2500, "\"398533d48111e9f664b1f64cb10c4b63-3\""), head_of(2400, etag_of_all),
        raw("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")}) {
    Bench bench(lost_completion(head));
    CHECK(bench.error(std::string(2500, 'x')) == "s3://b/k: 404 NoSuchUpload: Gone.");
    CHECK(bench.with_method("HEAD").size() == 1);
  }
}
