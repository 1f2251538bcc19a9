#include "aws/service_client.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>

#include "aws/digest.hpp"
#include "bench.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::aws;
using namespace lambda::testing;
using std::chrono::seconds;

namespace {

struct Bench : AwsBench {
  ScriptedServer server;
  ServiceClient client{http, credentials, "s3", config(server), &s3_error};

  explicit Bench(std::vector<Step> script) : server(std::move(script)) {}

  [[nodiscard]] ApiRequest request() const {
    ApiRequest get;
    get.method = "GET";
    get.endpoint = parse_endpoint(server.url(""), "the server");
    get.path = "/b/k";
    get.payload_sha256 = sha256_hex("");
    return get;
  }

  Answer send() {
    const ApiRequest get = request();
    return run(client.send(get, "s3://b/k"));
  }

  std::string error() {
    const ApiRequest get = request();
    return error_of(client.send(get, "s3://b/k"));
  }
};

}  // namespace

TEST_CASE("service: a request is signed for the host that it goes to") {
  Bench bench({reply(200, {}, "fine")});
  CHECK(bench.send().response.body == "fine");
  const auto request = bench.server.requests().at(0);
  UnsignedRequest same{"GET", bench.server.address(), "/b/k", "", {}, sha256_hex("")};
  const auto expected = signature_headers(same, {"AKIDEXAMPLE", "top-secret", "the-token", {}},
                                          {"eu-central-1", "s3"}, bench.now);
  for (const auto& [name, value] : expected) CHECK(request.headers.get(name) == value);
  CHECK(request.headers.get("Host") == bench.server.address());
}

TEST_CASE("service: what may pass is tried again") {
  // The reset comes on a connection of its own: on a kept one curl tries again by itself.
  Bench bench({s3_refusal(503, "SlowDown"), s3_refusal(500, "InternalError"),
               s3_refusal(400, "RequestTimeout"), reply(429), reply(502),
               raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour"), raw("", Step::Then::reset),
               reply(200, {}, "fine")});
  CHECK(bench.send().response.body == "fine");
  CHECK(bench.waits.size() == 7);
}

TEST_CASE("service: what can't pass is not tried again") {
  for (const int status : {400, 403, 404, 409, 412}) {
    Bench bench({s3_refusal(status, "Never"), reply(200)});
    const auto answer = bench.send();
    REQUIRE(answer.error);
    CHECK(answer.error->code == "Never");
    CHECK(bench.waits.empty());
  }
}

TEST_CASE("service: tries come to an end") {
  std::vector<Step> script(20, s3_refusal(503, "SlowDown", "Reduce your rate."));
  Bench bench(script);
  CHECK(bench.error() == "s3://b/k: gave up after 8 tries: 503 SlowDown: Reduce your rate.");
  CHECK(bench.server.requests().size() == 8);
}

TEST_CASE("service: nobody there") {
  Bench bench({});
  const ScriptedServer silent({}, false);
  ApiRequest get = bench.request();
  get.endpoint = parse_endpoint(silent.url(""), "the server");
  const auto error = bench.error_of(bench.client.send(get, "s3://b/k"));
  CHECK(error.starts_with("s3://b/k: gave up after 8 tries: GET " + silent.url("/b/k")));
  CHECK(error.find("secret") == std::string::npos);
}

TEST_CASE("service: Retry-After is a wish that is granted up to a limit") {
  Bench bench({reply(503, {{"Retry-After", "7"}}), reply(429, {{"Retry-After", "3600"}}),
               reply(503, {{"Retry-After", "Fri, 02 Jan 2026 03:04:42 GMT"}}), reply(200)});
  CHECK(bench.send().response.status == 200);
  REQUIRE(bench.waits.size() == 3);
  CHECK(bench.waits[0] == seconds(7));
  CHECK(bench.waits[1] == seconds(20));
  CHECK(bench.waits[2] == seconds(10));
}

TEST_CASE("service: a flawed success is tried again, and gives up with the flaw") {
  Bench bench({reply(200, {}, "bad"), reply(200, {}, "good"), reply(200, {}, "bad")});
  ApiRequest get = bench.request();
  get.flaw = [](const HttpResponse& response) -> std::string {
    return response.body == "good" ? "" : "it is " + response.body;
  };
  CHECK(bench.run(bench.client.send(get, "s3://b/k")).response.body == "good");
  ServiceConfig once = bench.config(bench.server);
  once.retry.backoff.max_failures = 1;
  ServiceClient impatient = bench.client.with(once);
  CHECK(bench.error_of(impatient.send(get, "s3://b/k")) ==
        "s3://b/k: gave up after 1 try: it is bad");
}

TEST_CASE("service: a wrong clock is corrected once, for all requests") {
  const HttpHeaders date{{"Date", "Fri, 02 Jan 2026 09:04:05 GMT"}};
  Bench bench({s3_refusal(403, "RequestTimeTooSkewed", "Sorry.", date), reply(200), reply(200),
               s3_refusal(403, "SignatureDoesNotMatch", "Sorry.", date)});
  CHECK(bench.send().response.status == 200);
  CHECK(bench.send().response.status == 200);
  // Not the clock's fault any more.
  CHECK(bench.send().error->code == "SignatureDoesNotMatch");
  const auto requests = bench.server.requests();
  REQUIRE(requests.size() == 4);
  CHECK(requests[0].headers.get("x-amz-date") == "20260102T030405Z");
  CHECK(requests[1].headers.get("x-amz-date") == "20260102T090405Z");
  CHECK(requests[2].headers.get("x-amz-date") == "20260102T090405Z");
  CHECK(bench.waits.empty());
}

TEST_CASE("service: a clock that stays wrong is an error") {
  Bench bench({s3_refusal(403, "RequestTimeTooSkewed", "Sorry.",
                          {{"Date", "Fri, 02 Jan 2026 09:04:05 GMT"}}),
               s3_refusal(403, "RequestTimeTooSkewed", "Sorry.",
                          {{"Date", "Fri, 02 Jan 2026 19:04:05 GMT"}}),
               reply(200)});
  CHECK(bench.send().error->code == "RequestTimeTooSkewed");
  CHECK(bench.server.requests().size() == 2);
}

TEST_CASE("service: cancelling ends a wait between two tries") {
  ScriptedServer server({reply(503), reply(200)});
  AwsBench bench;
  auto config = bench.config(server);
  bool waiting = false;
  config.retry.sleep = [&](std::chrono::milliseconds) -> asio::awaitable<void> {
    asio::steady_timer timer(bench.context, asio::steady_timer::time_point::max());
    waiting = true;
    co_await timer.async_wait(asio::use_awaitable);
  };
  ServiceClient client(bench.http, bench.credentials, "s3", config, &s3_error);
  ApiRequest get;
  get.method = "GET";
  get.endpoint = *config.endpoint;
  get.path = "/";
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  asio::co_spawn(
      bench.context, client.send(get, "s3://b/k"),
      asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, const Answer&) {
        failure = std::move(error);
      }));
  while (!waiting) REQUIRE(bench.context.run_one_for(seconds(20)) != 0);
  signal.emit(asio::cancellation_type::terminal);
  while (failure == nullptr) REQUIRE(bench.context.run_one_for(seconds(20)) != 0);
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
  }
  CHECK(server.requests().size() == 1);
}

TEST_CASE("service: the configuration comes from the environment") {
  AwsBench bench;
  const auto config = [&] { return ServiceConfig::from_environment(bench.environment, "S3"); };
  CHECK(test::message_of<io::Error>(config) ==
        "AWS_REGION is not set; give it, as in eu-central-1");
  bench.variables["AWS_DEFAULT_REGION"] = "eu-west-1";
  CHECK(config().region == "eu-west-1");
  bench.variables["AWS_REGION"] = "eu-west-2";
  CHECK(config().region == "eu-west-2");
  CHECK_FALSE(config().endpoint);
  bench.variables["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1";
  CHECK(config().endpoint->host == "127.0.0.1:1");
  bench.variables["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:2";
  CHECK(config().endpoint->host == "127.0.0.1:2");
  CHECK(ServiceConfig::from_environment(bench.environment, "DYNAMODB").endpoint->host ==
        "127.0.0.1:1");
  bench.variables["AWS_REGION"] = "";
  bench.variables["AWS_DEFAULT_REGION"] = "";
  CHECK(config().region == "us-east-1");
}

TEST_CASE("service: AWS_MAX_ATTEMPTS is how often a request is tried at most") {
  AwsBench bench;
  bench.variables["AWS_REGION"] = "eu-west-1";
  const auto config = [&] { return ServiceConfig::from_environment(bench.environment, "S3"); };
  CHECK(config().retry.backoff.max_failures == 8);
  for (const char* const good : {"1", "20", "1000"}) {
    bench.variables["AWS_MAX_ATTEMPTS"] = good;
    CHECK(std::to_string(config().retry.backoff.max_failures) == good);
  }
  for (const char* const bad : {"0", "-1", "1001", "8x", " 8", "99999999999999999999"}) {
    bench.variables["AWS_MAX_ATTEMPTS"] = bad;
    CHECK(test::message_of<io::Error>(config) == "AWS_MAX_ATTEMPTS is '" + std::string(bad) +
                                                     "', should be a whole number from 1 to 1000");
  }
  bench.variables["AWS_MAX_ATTEMPTS"] = "";
  CHECK(config().retry.backoff.max_failures == 8);
}
