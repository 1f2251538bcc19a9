// The small parts that the clients are made of: URLs, dates, ranges, errors, waits.
#include <map>
#include <string>

#include "aws/content_range.hpp"
#include "aws/dates.hpp"
#include "aws/retry.hpp"
#include "aws/service_error.hpp"
#include "aws/uri.hpp"
#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::aws;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("uri: everything but the unreserved characters is encoded") {
  CHECK(uri_encoded("aZ09-._~/ +%\xC3\xA4") == "aZ09-._~%2F%20%2B%25%C3%A4");
  CHECK(path_encoded("/a b//c") == "/a%20b//c");
  CHECK(canonical_query({{"b", ""}, {"a~", "1"}, {"a b", "/"}, {"a", "2"}}) ==
        "a=2&a%20b=%2F&a~=1&b=");
}

TEST_CASE("uri: endpoints") {
  CHECK(parse_endpoint("http://127.0.0.1:8000", "X").origin() == "http://127.0.0.1:8000");
  CHECK(parse_endpoint("http://localhost:80/", "X").host == "localhost");
  CHECK(parse_endpoint("https://s3.example:443", "X").host == "s3.example");
  CHECK(parse_endpoint("https://s3.example:80", "X").host == "s3.example:80");
  CHECK(parse_endpoint("http://[::1]:8000", "X").origin() == "http://[::1]:8000");
  const auto error = [](const char* text) {
    return test::message_of<io::Error>([&] { return parse_endpoint(text, "AWS_ENDPOINT_URL"); });
  };
  CHECK(error("localhost:8000") ==
        "AWS_ENDPOINT_URL must be an address such as http://127.0.0.1:8000, not localhost:8000");
  CHECK(error("http://host/path").ends_with("not http://host/path"));
  CHECK(error("ftp://host") != "");
  CHECK(error("http://") != "");
  for (const auto* text :
       {"http://:80", "http://host:80:80/", "http://host:65536", "http://host/?query",
        "http://host#part", "http://[::1%25eth0]", "http://[::1"}) {
    INFO(text);
    CHECK(error(text).starts_with("AWS_ENDPOINT_URL must be "));
  }
  CHECK(error("http://host\r\n") ==
        "AWS_ENDPOINT_URL must be an address such as http://127.0.0.1:8000, not http://host  ");
  CHECK(error("http://user:secret@host").find("secret") == std::string::npos);
}

TEST_CASE("dates: the three forms") {
  const auto time = parse_iso_date("2013-05-24T00:00:07Z");
  REQUIRE(time);
  CHECK(amz_date(*time) == "20130524T000007Z");
  CHECK(amz_date(*time + milliseconds(999)) == "20130524T000007Z");
  CHECK(parse_iso_date("2013-05-24T00:00:07.123456Z") == time);
  CHECK(parse_http_date("Fri, 24 May 2013 00:00:07 GMT") == time);
  for (const auto* text : {"", "2013-05-24", "2013-05-24T00:00:07", "2013-05-24T00:00:07+01:00",
                           "13-05-24T00:00:00Z", "9999-05-24T00:00:00Z"}) {
    INFO(text);
    CHECK_FALSE(parse_iso_date(text));
  }
  for (const auto* text : {"", "24 May 2013", "Fri, 24 May 2013 00:00:07 GMT+1", "7"}) {
    CHECK_FALSE(parse_http_date(text));
  }
}

TEST_CASE("content range: only what makes sense is one") {
  CHECK(parse_content_range("bytes 0-9/10") == ContentRange{0, 9, 10});
  CHECK(parse_content_range("bytes 5-5/18446744073709551615"));
  for (const auto* text : {"", "bytes */10", "bytes 0-9/*", "bytes 0-10/10", "bytes 3-2/10",
                           "bytes 0-9/10 ", "bytes 0-9", "lines 0-9/10",
                           "bytes 0-9/18446744073709551616", "bytes -1-9/10", "bytes 0 -9/10"}) {
    CHECK_FALSE(parse_content_range(text));
  }
  CHECK(range_header(8, 15) == "bytes=8-15");
}

TEST_CASE("retry-after: seconds or a date") {
  const auto now = *parse_http_date("Fri, 24 May 2013 00:00:00 GMT");
  CHECK(retry_after("3", now) == seconds(3));
  CHECK(retry_after("Fri, 24 May 2013 00:01:00 GMT", now) == seconds(60));
  CHECK(retry_after("Thu, 23 May 2013 00:01:00 GMT", now) == seconds(0));
  for (const auto* text : {"", "-1", "3.5", "soon", "3 s"}) CHECK_FALSE(retry_after(text, now));
}

TEST_CASE("retry: waits grow with jitter, the server's wish counts up to a limit, time ends it") {
  RetryOptions options;
  TimePoint now{};
  options.now = [&] { return now; };
  options.backoff = {.base = milliseconds{50}, .cap = milliseconds{400}, .max_failures = 6};
  options.longest_wait = seconds(20);
  Retry retry(options);
  milliseconds bound{50};
  for (int i = 0; i < 5; ++i) {
    const auto delay = retry.failed("");
    REQUIRE(delay);
    CHECK(*delay <= bound);
    bound = std::min(milliseconds{400}, bound * 2);
  }
  CHECK_FALSE(retry.failed(""));
  CHECK(retry.failures() == 6);

  Retry asked(options);
  CHECK(asked.failed("3") == seconds(3));
  CHECK(asked.failed("3000") == seconds(20));

  options.total = seconds(100);
  Retry timed(options);
  now += seconds(85);
  CHECK(timed.failed(""));
  CHECK_FALSE(timed.failed("15"));
  timed.progress();
  CHECK(timed.failed("15"));
}

TEST_CASE("service error: S3 speaks XML") {
  HttpResponse response{404,
                        {},
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
                        "<Message>The specified\nkey &lt;k&gt; does not exist.</Message>"
                        "<Key>k</Key></Error>"};
  auto error = s3_error(response);
  REQUIRE(error);
  CHECK(to_string(*error) == "404 NoSuchKey: The specified key <k> does not exist.");
  CHECK(to_string(*s3_error({503, {}, ""})) == "503");
  CHECK(to_string(*s3_error({502, {}, "<html><h1>Bad gateway"})) == "502");
  CHECK_FALSE(s3_error({200, {}, "<CompleteMultipartUploadResult/>"}));
  CHECK_FALSE(s3_error({204, {}, ""}));
  CHECK(s3_error({200, {}, "<Error><Code>InternalError</Code></Error>"})->code == "InternalError");
  CHECK(to_string(*s3_error({301, {{"x-amz-bucket-region", "eu-west-3"}}, ""})) ==
        "301: (the bucket's region is eu-west-3)");
  const std::string bomb =
      "<!DOCTYPE e [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">"
      "<!ENTITY f SYSTEM "
      "\"file:///etc/passwd\">]><Error><Code>X</Code><Message>&b;&f;</Message></Error>";
  CHECK(s3_error({400, {}, bomb})->message == "&b;&f;");
}

TEST_CASE("service error: DynamoDB speaks JSON") {
  CHECK(to_string(*json_error(
            {400,
             {},
             R"({"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",)"
             R"("message":"Requested resource not found"})"})) ==
        "400 ResourceNotFoundException: Requested resource not found");
  CHECK(to_string(*json_error({400, {}, R"({"__type":"X","Message":"a\nb"})"})) == "400 X: a b");
  CHECK(json_error({400, {{"x-amzn-ErrorType", "Y:http://x"}}, "{}"})->code == "Y");
  CHECK(to_string(*json_error({500, {}, "<html>"})) == "500");
  CHECK(to_string(*json_error({400, {}, "[1]"})) == "400");
  CHECK_FALSE(json_error({200, {}, "{}"}));
  const auto error_of = [](const std::string& body) {
    return to_string(*json_error({400, {}, body}));
  };
  CHECK(error_of(R"({"message":"m","more":)" + std::string(200, '[') + std::string(200, ']') +
                 "}") == "400");
  CHECK(error_of(R"({"message":"m"})" + std::string("\0x", 2)) == "400");
  CHECK(error_of(R"({"message":"m"})" + std::string(2 << 20, ' ')) == "400");
}

TEST_CASE("service error: what another try may help") {
  for (const int status : {429, 500, 502, 503, 504}) {
    CHECK(remedy_for({status, "", ""}) == Remedy::retry);
  }
  for (const int status : {301, 400, 403, 404, 412, 501}) {
    CHECK(remedy_for({status, "", ""}) == Remedy::none);
  }
  for (const auto* code : {"SlowDown", "InternalError", "RequestTimeout", "ThrottlingException",
                           "ProvisionedThroughputExceededException", "RequestLimitExceeded",
                           "InternalServerError", "TransactionInProgressException"}) {
    CHECK(remedy_for({400, code, ""}) == Remedy::retry);
  }
  for (const auto* code : {"RequestTimeTooSkewed", "InvalidSignatureException"}) {
    CHECK(remedy_for({403, code, ""}) == Remedy::correct_clock);
  }
  CHECK(remedy_for({400, "ExpiredToken", ""}) == Remedy::refresh_credentials);
  CHECK(remedy_for({400, "ExpiredTokenException", ""}) == Remedy::refresh_credentials);
  CHECK(remedy_for({400, "ValidationException", ""}) == Remedy::none);
  CHECK(remedy_for({403, "AccessDenied", ""}) == Remedy::none);
}
