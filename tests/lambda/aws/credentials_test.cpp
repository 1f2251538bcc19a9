#include "aws/credentials.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include "aws/service_client.hpp"
#include "bench.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;
using namespace lambda::aws;
using namespace lambda::testing;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

Step granted(const std::string& id, const std::string& expiration = "2026-01-02T04:04:05Z") {
  return reply(200, {},
               "{\"AccessKeyId\":\"" + id +
                   "\",\"SecretAccessKey\":\"top-secret\",\"Token\":\"the-token\","
                   "\"Expiration\":\"" +
                   expiration + "\"}");
}

struct Container : AwsBench {
  ScriptedServer server;

  explicit Container(std::vector<Step> script) : server(std::move(script)) {
    variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/creds?x=1")},
                 {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer of-the-container\n"}};
  }

  std::string id() { return run(credentials.get()).access_key_id; }
  std::string error() { return error_of(credentials.get()); }
};

}  // namespace

TEST_CASE("credentials: the environment's come first") {
  AwsBench bench;
  bench.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:1/";
  auto credentials = bench.run(bench.credentials.get());
  CHECK(credentials.access_key_id == "AKIDEXAMPLE");
  CHECK(credentials.secret_access_key == "top-secret");
  CHECK(credentials.session_token == "the-token");
  bench.variables["AWS_SECRET_ACCESS_KEY"] = "";
  CHECK(bench.error_of(bench.credentials.get()) ==
        "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY isn't");
  bench.variables = {{"AWS_SECRET_ACCESS_KEY", "top-secret"}};
  CHECK(bench.error_of(bench.credentials.get()) ==
        "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID isn't");
  bench.variables = {};
  CHECK(bench.error_of(bench.credentials.get()).starts_with("no AWS credentials: set "));
}

TEST_CASE("credentials: the container's endpoint, kept until shortly before they expire") {
  Container bench({granted("one"), granted("two", "2026-01-02T05:04:05Z")});
  CHECK(bench.id() == "one");
  const auto request = bench.server.requests().at(0);
  CHECK(request.target == "/creds?x=1");
  CHECK(request.headers.get("Authorization") == "Bearer of-the-container");
  bench.now += minutes(54);
  CHECK(bench.id() == "one");
  CHECK(bench.server.requests().size() == 1);
  bench.now += minutes(2);
  CHECK(bench.id() == "two");
}

TEST_CASE("credentials: the token is read from its file each time") {
  const test::TemporaryDirectory directory;
  Container bench({granted("one"), granted("two")});
  bench.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = directory.write("token", "first\n");
  CHECK(bench.id() == "one");
  static_cast<void>(directory.write("token", "second\n"));
  bench.now += minutes(56);
  CHECK(bench.id() == "two");
  CHECK(bench.server.requests().at(0).headers.get("Authorization") == "first");
  CHECK(bench.server.requests().at(1).headers.get("Authorization") == "second");
  bench.variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = directory.file("missing");
  bench.now += minutes(60);
  CHECK(bench.error() == directory.file("missing") + ": No such file or directory");
}

TEST_CASE("credentials: many ask, one fetches") {
  using namespace asio::experimental::awaitable_operators;
  Container bench({granted("one"), granted("two")});
  const auto ask = [&]() -> asio::awaitable<void> {
    const auto credentials = co_await bench.credentials.get();
    CHECK(credentials.access_key_id == "one");
  };
  const auto all = [&]() -> asio::awaitable<void> { co_await (ask() && ask() && ask()); };
  bench.run(all());
  CHECK(bench.server.requests().size() == 1);
}

TEST_CASE("credentials: who waits takes over from who fetched and was cancelled") {
  Container bench({raw("", Step::Then::hang), granted("one")});
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  std::vector<std::string> ids;
  asio::co_spawn(bench.context, bench.credentials.get(),
                 asio::bind_cancellation_slot(signal.slot(),
                                              [&](std::exception_ptr error, const Credentials&) {
                                                failure = std::move(error);
                                              }));
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(bench.context, bench.credentials.get(),
                   [&](std::exception_ptr error, const Credentials& credentials) {
                     ids.push_back(error == nullptr ? credentials.access_key_id : "failed");
                   });
  }
  while (bench.server.requests().empty()) {
    REQUIRE(bench.context.run_one_for(seconds(20)) != 0);
  }
  signal.emit(asio::cancellation_type::terminal);
  while (ids.size() < 3) REQUIRE(bench.context.run_one_for(seconds(20)) != 0);
  CHECK(failure != nullptr);
  CHECK(ids == std::vector<std::string>{"one", "one", "one"});
  CHECK(bench.server.requests().size() == 2);
}

TEST_CASE("credentials: a waiter that is cancelled leaves the fetching alone") {
  Container bench({raw("", Step::Then::hang)});
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  bool ended = false;
  asio::co_spawn(bench.context, bench.credentials.get(),
                 [&](std::exception_ptr, const Credentials&) { ended = true; });
  asio::co_spawn(bench.context, bench.credentials.get(),
                 asio::bind_cancellation_slot(signal.slot(),
                                              [&](std::exception_ptr error, const Credentials&) {
                                                failure = std::move(error);
                                              }));
  while (bench.server.requests().empty()) {
    REQUIRE(bench.context.run_one_for(seconds(20)) != 0);
  }
  signal.emit(asio::cancellation_type::terminal);
  while (failure == nullptr) REQUIRE(bench.context.run_one_for(seconds(20)) != 0);
  CHECK_FALSE(ended);
}

TEST_CASE(
    "credentials: a failing endpoint is tried again, then the old ones serve while they can") {
  std::vector<Step> script{reply(503), reply(500), granted("one")};
  script.insert(script.end(), 16, reply(503));
  Container bench(script);
  CHECK(bench.id() == "one");
  CHECK(bench.waits.size() == 2);
  bench.now += minutes(56);
  CHECK(bench.id() == "one");
  CHECK(bench.server.requests().size() == 11);
  CHECK(bench.id() == "one");  // without asking again at once
  CHECK(bench.server.requests().size() == 11);
  bench.now += minutes(5);
  CHECK(bench.error() ==
        "no credentials from " + bench.server.url("/creds?x=1") + " after 8 tries: status 503");
}

TEST_CASE("credentials: errors name the endpoint and no secret") {
  const auto error = [](Step step) {
    Container bench({std::move(step)});
    const auto text = bench.error();
    const auto url = bench.server.url("/creds?x=1");
    const auto place = text.find(url);
    REQUIRE(place != std::string::npos);
    return text.substr(0, place) + "URL" + text.substr(place + url.size());
  };
  CHECK(error(reply(404)) == "no credentials from URL: status 404");
  CHECK(error(reply(200, {}, "top-secret")) == "the credentials of URL lack AccessKeyId");
  CHECK(error(reply(200, {}, R"({"AccessKeyId":"x","SecretAccessKey":7})")) ==
        "the credentials of URL lack SecretAccessKey");
  const auto all = [](const std::string& more) {
    return R"({"AccessKeyId":"x","SecretAccessKey":"y")" + more;
  };
  const std::string lack = "the credentials of URL lack AccessKeyId";
  CHECK(error(reply(200, {},
                    all(",\"z\":" + std::string(200, '[') + std::string(200, ']') + "}"))) == lack);
  CHECK(error(reply(200, {}, all("}" + std::string("\0x", 2)))) == lack);
  CHECK(error(reply(200, {}, all("}" + std::string(2 << 20, ' ')))) == lack);
  CHECK(error(granted("x", "soon")) ==
        "the credentials of URL have an Expiration that isn't a time");
}

TEST_CASE("credentials: plain http goes to no stranger") {
  AwsBench bench;
  for (const auto* url :
       {"http://example.com/x", "http://127.0.0.1.example.com/x", "http://10.0.0.1/x", "ftp://x",
        "http://", "127.0.0.1/x", "http://example.com:80@127.0.0.1/"}) {
    bench.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", url}};
    INFO(url);
    CHECK(bench.error_of(bench.credentials.get())
              .starts_with("AWS_CONTAINER_CREDENTIALS_FULL_URI must be an https:// URL"));
  }
  bench.variables = {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@example.com/"}};
  CHECK(bench.error_of(bench.credentials.get()) ==
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with /");
  bench.variables = {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://[::1]:1/"},
                     {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\nb"}};
  CHECK(bench.error_of(bench.credentials.get()) ==
        "AWS_CONTAINER_AUTHORIZATION_TOKEN or its file holds a control character");
}

TEST_CASE("credentials: what a service says has expired is fetched anew, once per request") {
  Container bench({granted("one"), granted("two"), granted("three")});
  ScriptedServer service({s3_refusal(400, "ExpiredToken"), reply(200), reply(200),
                          s3_refusal(400, "ExpiredToken"), s3_refusal(400, "ExpiredToken")});
  ServiceClient client(bench.http, bench.credentials, "s3", bench.config(service), &s3_error);
  ApiRequest get;
  get.method = "GET";
  get.endpoint = parse_endpoint(service.url(""), "the server");
  get.path = "/b/k";
  CHECK_FALSE(bench.run(client.send(get, "s3://b/k")).error);
  CHECK_FALSE(bench.run(client.send(get, "s3://b/k")).error);
  const auto answer = bench.run(client.send(get, "s3://b/k"));
  REQUIRE(answer.error);
  CHECK(answer.error->code == "ExpiredToken");
  std::vector<std::string> ids;
  for (const auto& request : service.requests()) {
    const auto text = request.headers.get("Authorization");
    const auto begin = text.find("Credential=") + 11;
    ids.emplace_back(text.substr(begin, text.find('/') - begin));
  }
  CHECK(ids == std::vector<std::string>{"one", "two", "two", "two", "three"});
  CHECK(bench.waits.empty());
}

TEST_CASE("credentials: of several requests that were refused one has new ones fetched") {
  Container bench({granted("one"), granted("two")});
  const auto first = bench.run(bench.credentials.get());
  CHECK(bench.credentials.expired(first));
  CHECK(bench.id() == "two");
  CHECK(bench.credentials.expired(first));
  CHECK(bench.id() == "two");
  CHECK(bench.server.requests().size() == 2);
}

TEST_CASE("credentials: the environment has no others") {
  AwsBench bench;
  CHECK_FALSE(bench.credentials.expired(bench.run(bench.credentials.get())));
}
