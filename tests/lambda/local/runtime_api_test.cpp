// local-runtime-api as a bootstrap sees it: without a program of its own, the test is bootstrap.

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "lambda/support/await.hpp"
#include "local_api.hpp"
#include "replies.hpp"
#include "support/catch.hpp"

using lambda::HttpHeaders;
using lambda::HttpRequest;
using lambda::HttpResponse;
using lambda::testing::await;
using lambda::testing::error_of;
using lambda::testing::LocalApi;
using lambda::testing::message_of;
using lambda::testing::result_of;

namespace {

constexpr const char* runtime = "/2018-06-01/runtime/";

struct OwnBootstrap {
  explicit OwnBootstrap(std::vector<std::string> arguments = {}) : api(std::move(arguments)) {}

  void start_call() {
    call = std::async(std::launch::async, [this] { return api.invoke("{}"); });
  }

  HttpResponse next() {
    HttpResponse event = api.call("GET", std::string(runtime) + "invocation/next");
    id = event.headers.get("Lambda-Runtime-Aws-Request-Id");
    invocation_id = event.headers.get("Lambda-Runtime-Invocation-Id");
    return event;
  }

  int reply(const std::string& to, const std::string& kind = "response",
            const std::string& body = "1", const HttpHeaders& headers = {}) {
    return api.call("POST", std::string(runtime) + "invocation/" + to + "/" + kind, body, headers)
        .status;
  }

  LocalApi api;
  std::future<HttpResponse> call;
  std::string id;
  std::string invocation_id;
};

}  // namespace

TEST_CASE("local api: statuses of replies", "[local][api]") {
  OwnBootstrap own;
  own.start_call();
  CHECK(own.next().status == 200);
  CHECK(own.reply("00000000-0000-4000-8000-000000000000") == 400);
  CHECK(own.reply("00000000-0000-4000-8000-000000000000", "error", "{}") == 400);
  CHECK(own.reply(own.id, "response", "1", {{"Lambda-Runtime-Invocation-Id", "stale"}}) == 400);
  CHECK(own.reply(own.id, "response", "7", {{"Lambda-Runtime-Invocation-Id", own.invocation_id}}) ==
        202);
  CHECK(own.reply(own.id) == 403);
  CHECK(own.reply(own.id, "error", "{}") == 403);
  CHECK(result_of(own.call.get()) == 7);
}

TEST_CASE("local api: an error reply", "[local][api]") {
  OwnBootstrap own;
  own.start_call();
  own.next();
  CHECK(own.reply(own.id, "error", R"({"errorMessage":"m","errorType":"Function.T"})",
                  {{"Lambda-Runtime-Function-Error-Type", "Function.T"}}) == 202);
  CHECK(error_of(own.call.get())["errorType"] == "Function.T");
}

TEST_CASE("local api: 413 for a reply that is too large, 410 for one too late", "[local][api]") {
  OwnBootstrap own({"--timeout", "0.3"});
  own.start_call();
  own.next();
  CHECK(own.reply(own.id, "response", std::string(6'291'557, 'x')) == 413);
  CHECK(error_of(own.call.get())["errorType"] == "Function.ResponseSizeTooLarge");

  own.start_call();
  own.next();
  CHECK_THAT(message_of(error_of(own.call.get())), Catch::Contains("timed out"));
  CHECK(own.reply(own.id) == 410);
}

TEST_CASE("local api: no second event before the first is replied to", "[local][api]") {
  OwnBootstrap own;
  own.start_call();
  own.next();
  CHECK(own.api.call("GET", std::string(runtime) + "invocation/next").status == 403);
  CHECK(own.reply(own.id) == 202);
  CHECK(own.call.get().status == 200);
}

TEST_CASE("local api: an event isn't given to a poll whose connection is closed", "[local][api]") {
  OwnBootstrap own;
  asio::io_context context;
  HttpRequest poll;
  poll.url = own.api.url() + runtime + "invocation/next";
  poll.timeout = std::chrono::milliseconds(50);
  {
    lambda::HttpClient client(context.get_executor());
    CHECK_THROWS_AS(await(context, client.send(std::move(poll))), std::system_error);
  }
  // By hand, so that the call has been sent before the next poll is.
  asio::ip::tcp::socket caller(context);
  const std::string port = own.api.url().substr(own.api.url().rfind(':') + 1);
  caller.connect({asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(port))});
  asio::write(caller, asio::buffer(std::string("POST /2015-03-31/functions/function/invocations "
                                               "HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")));
  CHECK(own.next().status == 200);
  CHECK(own.reply(own.id) == 202);
  std::string answer;
  asio::read_until(caller, asio::dynamic_buffer(answer), "\r\n");
  CHECK_THAT(answer, Catch::StartsWith("HTTP/1.1 200"));
}

TEST_CASE("local api: init error", "[local][api]") {
  OwnBootstrap own;
  CHECK(own.api.call("POST", std::string(runtime) + "init/error", "{}").status == 202);
}

TEST_CASE("local api: paths and methods that aren't there", "[local][api]") {
  LocalApi api({});
  CHECK(api.call("GET", "/").status == 404);
  CHECK(api.call("GET", "/2018-06-01/runtime/invocation/x/nothing").status == 404);
  CHECK(api.call("GET", "/2018-06-01/runtime/nothing").status == 404);
  CHECK(api.call("POST", "/2018-06-01/runtime/invocation/response").status == 404);
  CHECK(api.call("POST", "/2015-03-31/functions/other/invocations").status == 404);
  CHECK(api.call("GET", "/2015-03-31/functions/function/invocations").status == 405);
  CHECK(api.call("POST", "/2018-06-01/runtime/invocation/next").status == 405);
  CHECK(api.invoke("{}", {{"X-Amz-Invocation-Type", "Event"}}).status == 400);
}
