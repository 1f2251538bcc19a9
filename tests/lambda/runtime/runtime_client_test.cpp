#include "runtime/runtime_client.hpp"

#include <asio/error.hpp>
#include <nlohmann/json.hpp>

#include "lambda/support/await.hpp"
#include "lambda/support/scripted_server.hpp"
#include "support/catch.hpp"

using lambda::Context;
using lambda::Invocation;
using lambda::ReplyOutcome;
using lambda::RuntimeApiError;
using lambda::RuntimeClient;
using lambda::RuntimeClientOptions;
using namespace lambda::testing;
using std::chrono::milliseconds;

namespace {

constexpr const char* next_path = "/2018-06-01/runtime/invocation/next";

Step event(const std::string& id, const std::string& body = "{}") {
  return reply(200, {{"Lambda-Runtime-Aws-Request-Id", id}}, body);
}

/// A client of a scripted server, whose pauses take no time and are noted.
struct Fixture {
  explicit Fixture(std::vector<Step> script, bool listening = true)
      : server(std::move(script), listening), client(context.get_executor(), options()) {}

  RuntimeClientOptions options(const std::string& prefix = "") {
    RuntimeClientOptions result;
    result.api = server.address() + prefix;
    result.backoff = {.base = milliseconds(100), .cap = milliseconds(300), .max_failures = 5};
    result.sleep = [this](milliseconds delay) -> asio::awaitable<void> {
      pauses.push_back(delay);
      if (on_pause) on_pause();
      co_return;
    };
    return result;
  }

  Invocation next() { return await(context, client.next()); }

  ReplyOutcome respond(const std::string& body = "{}") {
    return await(context, client.post_response(invocation, body));
  }

  static Context make_context() {
    Context result;
    result.request_id = "r-1";
    return result;
  }

  ScriptedServer server;
  asio::io_context context;
  std::vector<milliseconds> pauses;
  std::function<void()> on_pause;
  Context invocation = make_context();
  RuntimeClient client;
};

}  // namespace

TEST_CASE("next: everything that the API says is in the context", "[next]") {
  Fixture f({reply(200,
                   {{"lambda-runtime-aws-request-id", "r-1"},  // names in any case
                    {"LAMBDA-RUNTIME-DEADLINE-MS", "1700000000123"},
                    {"Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x"},
                    {"Lambda-Runtime-Trace-Id", "Root=1-2-3;Sampled=1"},
                    {"Lambda-Runtime-Client-Context", R"({"client":1})"},
                    {"Lambda-Runtime-Cognito-Identity", R"({"id":2})"},
                    {"Lambda-Runtime-Aws-Tenant-Id", "tenant"},
                    {"Lambda-Runtime-Invocation-Id", "i-1"}},
                   R"({"a":1})")});

  const Invocation got = f.next();

  CHECK(got.payload == R"({"a":1})");
  CHECK(got.context.request_id == "r-1");
  CHECK(got.context.deadline.time_since_epoch() == milliseconds(1'700'000'000'123));
  CHECK(got.context.invoked_function_arn == "arn:aws:lambda:x");
  CHECK(got.context.trace_id == "Root=1-2-3;Sampled=1");
  CHECK(got.context.client_context == R"({"client":1})");
  CHECK(got.context.cognito_identity == R"({"id":2})");
  CHECK(got.context.tenant_id == "tenant");
  CHECK(got.context.invocation_id == "i-1");
  const auto request = f.server.requests().at(0);
  CHECK(request.method == "GET");
  CHECK(request.target == next_path);
}

TEST_CASE("next: all headers but the id may be missing or empty", "[next]") {
  Fixture f({event("r-1"), reply(200, {{"Lambda-Runtime-Aws-Request-Id", "r-2"},
                                       {"Lambda-Runtime-Deadline-Ms", ""},
                                       {"Lambda-Runtime-Trace-Id", ""}})});
  for (const std::string id : {"r-1", "r-2"}) {
    const Invocation got = f.next();
    CHECK(got.context.request_id == id);
    CHECK(got.context.deadline == Context::Clock::time_point::max());
    CHECK(got.context.trace_id.empty());
    CHECK(got.context.invocation_id.empty());
  }
}

TEST_CASE("next: a deadline that is no time counts as none", "[next]") {
  const std::string text =
      GENERATE("soon", "12x", "-5", "99999999999999999999", "9223372036854775807", "1e3", " ");
  const Context context = lambda::parse_context({{"Lambda-Runtime-Deadline-Ms", text}});
  CHECK(context.deadline == Context::Clock::time_point::max());
}

TEST_CASE("context: remaining time runs down to zero", "[next]") {
  Context context;
  context.deadline = Context::Clock::time_point(milliseconds(1000));
  CHECK(context.remaining(Context::Clock::time_point(milliseconds(400))) == milliseconds(600));
  CHECK(context.remaining(Context::Clock::time_point(milliseconds(1000))) == milliseconds(0));
  CHECK(context.remaining(Context::Clock::time_point(milliseconds(2000))) == milliseconds(0));
  CHECK(Context{}.remaining() > std::chrono::hours(24));
}

TEST_CASE("next: 204 polls again without a pause", "[next]") {
  Fixture f({reply(204), reply(204), event("r-1")});
  CHECK(f.next().context.request_id == "r-1");
  CHECK(f.server.requests().size() == 3);
  CHECK(f.pauses.empty());
}

TEST_CASE("next: 500 ends at once", "[next]") {
  Fixture f({reply(500), event("r-1")});
  CHECK_THROWS_AS(f.next(), RuntimeApiError);
  CHECK(f.server.requests().size() == 1);
}

TEST_CASE("next: what isn't an event is tried again after a pause", "[next]") {
  const Step bad = GENERATE(
      reply(200, {}, "{}"),                                        // no request id
      reply(200, {{"Lambda-Runtime-Aws-Request-Id", ""}}, "{}"),   // an empty one
      reply(403), reply(404), reply(429), reply(502), reply(302),  //
      raw(""), raw("", Step::Then::reset),                         // dropped
      raw("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r-0\r\nContent-Length: 10\r\n\r\n{}"),
      raw("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Req"),  // cut in the headers
      raw("\x16\x03\x01 garbage\r\n\r\n"), raw("HTTP/1.1 abc\r\n\r\n"));
  Fixture f({bad, event("r-1")});
  CHECK(f.next().context.request_id == "r-1");
  CHECK(f.pauses.size() == 1);
  CHECK(f.server.requests().size() == 2);
}

TEST_CASE("next: a refused connection is tried again until the API is up", "[next]") {
  Fixture f({event("r-1")}, false);
  f.on_pause = [&] {
    if (f.pauses.size() == 2) f.server.listen();
  };
  CHECK(f.next().context.request_id == "r-1");
  CHECK(f.pauses.size() == 2);
}

TEST_CASE("next: gives up after a bounded number of tries, with a clear line", "[next]") {
  Fixture f({}, false);
  CHECK_THROWS_WITH(f.next(), Catch::Contains("gave up GET /next after 5 failures in a row") &&
                                  Catch::Contains("connect"));
  // Four pauses, none after the last failure; each within the doubling bound and the cap.
  REQUIRE(f.pauses.size() == 4);
  CHECK(f.pauses[0] <= milliseconds(100));
  CHECK(f.pauses[1] <= milliseconds(200));
  CHECK(f.pauses[2] <= milliseconds(300));
  CHECK(f.pauses[3] <= milliseconds(300));
}

TEST_CASE("next: a success forgets the failures before it", "[next]") {
  std::vector<Step> script;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 4; ++j) script.push_back(reply(503));
    script.push_back(event("r-1"));
  }
  Fixture f(script);
  for (int i = 0; i < 3; ++i) CHECK(f.next().context.request_id == "r-1");
  CHECK(f.pauses.size() == 12);
}

TEST_CASE("next: garbage in the body is for the caller to know, not the client", "[next]") {
  Fixture f({event("r-1", "{not json")});
  CHECK(f.next().payload == "{not json");
}

TEST_CASE("reply: a response goes to its request's path", "[reply]") {
  Fixture f({reply(202)});
  CHECK(f.respond(R"({"ok":true})") == ReplyOutcome::accepted);
  const auto request = f.server.requests().at(0);
  CHECK(request.method == "POST");
  CHECK(request.target == "/2018-06-01/runtime/invocation/r-1/response");
  CHECK(request.body == R"({"ok":true})");
  CHECK(request.headers.get("Content-Type") == "application/json");
  CHECK_FALSE(request.headers.find("Lambda-Runtime-Invocation-Id"));
}

TEST_CASE("reply: an error has body, type header and path", "[reply]") {
  Fixture f({reply(202)});
  const lambda::ErrorReport report{"Function.Bad", "no"};
  CHECK(await(f.context, f.client.post_error(f.invocation, report)) == ReplyOutcome::accepted);
  const auto request = f.server.requests().at(0);
  CHECK(request.target == "/2018-06-01/runtime/invocation/r-1/error");
  CHECK(request.headers.get("Lambda-Runtime-Function-Error-Type") == "Function.Bad");
  CHECK(
      nlohmann::json::parse(request.body) ==
      nlohmann::json::parse(R"({"errorMessage":"no","errorType":"Function.Bad","stackTrace":[]})"));
}

TEST_CASE("reply: the invocation id is echoed on responses and errors", "[reply]") {
  Fixture f({reply(202), reply(202)});
  f.invocation.invocation_id = "i-7";
  f.respond();
  await(f.context, f.client.post_error(f.invocation, {"Function.Bad", "no"}));
  for (const auto& request : f.server.requests()) {
    CHECK(request.headers.get("Lambda-Runtime-Invocation-Id") == "i-7");
  }
}

TEST_CASE("reply: a refusal is no reason to stop, and nothing is sent after it", "[reply]") {
  const int status = GENERATE(400, 403, 404, 410, 413, 429);
  Fixture f({reply(status), event("r-2")});
  CHECK(f.respond() == ReplyOutcome::refused);
  CHECK(f.server.requests().size() == 1);
  CHECK(f.next().context.request_id == "r-2");
}

TEST_CASE("reply: 5xx ends", "[reply]") {
  const int status = GENERATE(500, 503);
  Fixture f({reply(status)});
  CHECK_THROWS_WITH(f.respond(), Catch::Contains(std::to_string(status)));
  CHECK(f.server.requests().size() == 1);
}

TEST_CASE("reply: a dropped connection is tried once more with the same body", "[reply]") {
  const Step drop = GENERATE(raw(""), raw("", Step::Then::reset), raw("garbage\r\n\r\n"));
  Fixture f({drop, reply(202)});
  CHECK(f.respond("[1,2,3]") == ReplyOutcome::accepted);
  REQUIRE(f.server.requests().size() == 2);
  CHECK(f.server.requests()[0].body == "[1,2,3]");
  CHECK(f.server.requests()[1].body == "[1,2,3]");
}

TEST_CASE("reply: the second drop ends", "[reply]") {
  Fixture f({raw(""), raw(""), reply(202)});
  CHECK_THROWS_WITH(f.respond(), Catch::Contains("could not reply"));
  CHECK(f.server.requests().size() == 2);
}

TEST_CASE("reply: 6 MB come in and go out", "[reply]") {
  const std::string big = '"' + std::string(6'291'456, 'x') + '"';
  Fixture f({event("r-1", big), reply(202)});
  const bool came = f.next().payload == big;
  CHECK(came);
  CHECK(f.respond(big) == ReplyOutcome::accepted);
  const bool went = f.server.requests().at(1).body == big;
  CHECK(went);
}

TEST_CASE("init error: body, type header and path", "[reply]") {
  Fixture f({reply(202)});
  await(f.context, f.client.post_init_error({"Function.NoDisk", "no"}));
  const auto request = f.server.requests().at(0);
  CHECK(request.target == "/2018-06-01/runtime/init/error");
  CHECK(request.headers.get("Lambda-Runtime-Function-Error-Type") == "Function.NoDisk");
  CHECK(nlohmann::json::parse(request.body)["errorMessage"] == "no");
}

TEST_CASE("reply: a strange request id can't change the path", "[reply]") {
  Fixture f({reply(202)});
  f.invocation.request_id = "../x?y=\xC3\xA4 z";
  f.respond();
  CHECK(f.server.requests().at(0).target ==
        "/2018-06-01/runtime/invocation/..%2Fx%3Fy%3D%C3%A4%20z/response");
}

TEST_CASE("address: scheme and path prefix are accepted", "[address]") {
  const auto [api, base] = GENERATE(table<std::string, std::string>({
      {"127.0.0.1:9001", "http://127.0.0.1:9001/2018-06-01"},
      {"localhost", "http://localhost/2018-06-01"},
      {"http://h:1", "http://h:1/2018-06-01"},
      {"https://h", "https://h/2018-06-01"},
      {"h:1/", "http://h:1/2018-06-01"},
      {"h:1/function/a/", "http://h:1/function/a/2018-06-01"},
      {"http://h:1/a", "http://h:1/a/2018-06-01"},
      {" h:1\n", "http://h:1/2018-06-01"},
  }));
  CHECK(lambda::runtime_api_base(api) == base);
}

TEST_CASE("address: a prefix is in the requests", "[address]") {
  Fixture f({event("r-1")});
  RuntimeClientOptions options = f.options("/fn/7");
  options.api = "http://" + options.api;
  RuntimeClient client(f.context.get_executor(), options);
  await(f.context, client.next());
  CHECK(f.server.requests().at(0).target == std::string("/fn/7") + next_path);
}

TEST_CASE("address: missing or unusable is one clear line", "[address]") {
  CHECK_THROWS_WITH(lambda::runtime_api_base(""),
                    Catch::StartsWith("AWS_LAMBDA_RUNTIME_API is not set"));
  CHECK_THROWS_WITH(lambda::runtime_api_base("  "),
                    Catch::StartsWith("AWS_LAMBDA_RUNTIME_API is not set"));
  const std::string bad = GENERATE("ftp://h", "http://", "http:///x", "h:1/a?b", "a b");
  CHECK_THROWS_WITH(lambda::runtime_api_base(bad), Catch::Contains("is not an address: " + bad));
}
