#include "aws/sigv4.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "aws/digest.hpp"
#include "aws/uri.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::aws;
using nlohmann::json;

namespace {

const Credentials documented{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "",
                             std::nullopt};
const TimePoint may_2013 = *parse_iso_date("2013-05-24T00:00:00Z");

UnsignedRequest documented_request(const std::string& method, const std::string& path,
                                   const Query& query, HttpHeaders headers,
                                   const std::string& body = "") {
  return {method,
          "examplebucket.s3.amazonaws.com",
          path_encoded(path),
          canonical_query(query),
          std::move(headers),
          sha256_hex(body)};
}

std::string signature_of(const UnsignedRequest& request) {
  const auto headers = signature_headers(request, documented, {"us-east-1", "s3"}, may_2013);
  const std::string text{headers.get("Authorization")};
  return text.substr(text.rfind('=') + 1);
}

}  // namespace

TEST_CASE("sigv4: the examples of the S3 documentation") {
  CHECK(signature_of(documented_request("GET", "/test.txt", {}, {{"Range", "bytes=0-9"}})) ==
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(signature_of(documented_request("PUT", "/test$file.text", {},
                                        {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                         {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                                        "Welcome to Amazon S3.")) ==
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(signature_of(documented_request("GET", "/", {{"lifecycle", ""}}, {})) ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  CHECK(signature_of(documented_request("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {})) ==
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("sigv4: the headers that are added") {
  auto credentials = documented;
  const auto request = documented_request("GET", "/a", {}, {{"X-Other", "1"}});
  auto headers = signature_headers(request, credentials, {"eu-north-1", "dynamodb"}, may_2013);
  CHECK(headers.size() == 2);
  CHECK(headers.get("x-amz-date") == "20130524T000000Z");
  CHECK(headers.get("Authorization")
            .starts_with("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/eu-north-1/"
                         "dynamodb/aws4_request, SignedHeaders=host;x-amz-date;x-other, "
                         "Signature="));
  credentials.session_token = "the token";
  headers = signature_headers(request, credentials, {"eu-north-1", "s3"}, may_2013);
  CHECK(headers.get("x-amz-security-token") == "the token");
  CHECK(headers.get("x-amz-content-sha256") == sha256_hex(""));
}

TEST_CASE("sigv4: botocore signs every odd path and query alike") {
  const std::vector<std::string> paths{"/",
                                       "/plain.txt",
                                       "/with space",
                                       "/a+b=c&d%e",
                                       "//two//slashes//",
                                       "/~user",
                                       "/M\xC3\xBCnchen/\xE6\x9D\xB1\xE4\xBA\xAC",
                                       "/a/./b/../c",
                                       "/100%25",
                                       "/q?x#y",
                                       "/!*'();:@$,[]",
                                       "/tail/",
                                       "/.."};
  const std::vector<Query> queries{
      {},
      {{"uploads", ""}},
      {{"partNumber", "10"}, {"uploadId", "a+b/c==&x"}},
      {{"b", "2"}, {"a", "1"}, {"a", "0"}, {"B", "3"}},
      {{"key with space", "~value%\xC3\xA4"}, {"a-", "1"}, {"a", "2"}, {"a~", "3"}}};
  json cases = json::array();
  std::vector<std::pair<std::string, std::string>> ours;  // url, authorization
  for (const std::string service : {"s3", "dynamodb", "execute-api"}) {
    for (const std::string token : {"", "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJ="}) {
      for (const auto& path : paths) {
        for (const auto& query : queries) {
          const std::string body = token.empty() ? "" : "the body \xC3\xA4";
          const std::string method = body.empty() ? "GET" : "PUT";
          Credentials credentials = documented;
          credentials.session_token = token;
          const HttpHeaders headers{{"X-Amz-Meta-Note", "  a   b "}, {"Range", "bytes=0-9"}};
          const UnsignedRequest request{
              method,  "example.test:8443", path_encoded(path), canonical_query(query),
              headers, sha256_hex(body)};
          const auto added =
              signature_headers(request, credentials, {"eu-central-1", service}, may_2013);
          ours.emplace_back("http://" + request.host + request.path +
                                (request.query.empty() ? "" : "?" + request.query),
                            added.get("Authorization"));
          cases.push_back({{"method", method},
                           {"host", request.host},
                           {"path", path},
                           {"query", query},
                           {"headers", {{"X-Amz-Meta-Note", "  a   b "}, {"Range", "bytes=0-9"}}},
                           {"body", body},
                           {"service", service},
                           {"region", "eu-central-1"},
                           {"key_id", credentials.access_key_id},
                           {"secret", credentials.secret_access_key},
                           {"token", token},
                           {"time", "20130524T000000Z"}});
        }
      }
    }
  }
  const test::TemporaryDirectory directory;
  const auto input = directory.write("cases.json", cases.dump());
  const auto output = directory.file("signed.json");
  const std::string command = std::string{"'"} + PYTHON_WITH_BOTOCORE + "' '" + SIGN_WITH_BOTOCORE +
                              "' '" + input + "' > '" + output + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  const auto theirs = json::parse(test::read(output));
  REQUIRE(theirs.size() == ours.size());
  REQUIRE(ours.size() == 3 * 2 * paths.size() * queries.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    INFO(cases[i].dump());
    CHECK(theirs[i]["authorization"].get<std::string>() == ours[i].second);
  }
}
