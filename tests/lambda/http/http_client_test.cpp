#include "http/http_client.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <set>
#include <stdexcept>

#include "lambda/http/requests.hpp"
#include "lambda/support/await.hpp"
#include "lambda/support/scripted_server.hpp"
#include "support/catch.hpp"

using lambda::HttpClient;
using lambda::HttpRequest;
using lambda::HttpResponse;
using namespace lambda::testing;

namespace {

HttpRequest with_body(const std::string& method, const std::string& url, std::string body) {
  HttpRequest request;
  request.method = method;
  request.url = url;
  request.body = std::move(body);
  return request;
}

}  // namespace

TEST_CASE("http: a response's status, headers and body arrive", "[http]") {
  ScriptedServer server({reply(418, {{"X-Tea", "green"}, {"x-empty", ""}}, "pot")});
  asio::io_context context;
  HttpClient client(context.get_executor());

  const HttpResponse response = await(context, client.send(get(server.url("/tea?n=1"))));

  CHECK(response.status == 418);
  CHECK(response.body == "pot");
  CHECK(response.headers.get("x-TEA") == "green");
  CHECK(response.headers.find("X-Empty") == std::string_view{});
  CHECK(response.headers.find("X-Missing") == std::nullopt);
  const auto request = server.requests().at(0);
  CHECK(request.method == "GET");
  CHECK(request.target == "/tea?n=1");
  CHECK(request.body.empty());
}

TEST_CASE("http: methods, request headers and bodies go out as given", "[http]") {
  const std::string method = GENERATE("POST", "PUT", "DELETE", "PATCH");
  ScriptedServer server({reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  HttpRequest request = with_body(method, server.url(), std::string("a\0b", 3));
  request.headers = {{"X-One", "1"}, {"X-Nothing", ""}};

  await(context, client.send(std::move(request)));

  const auto received = server.requests().at(0);
  CHECK(received.method == method);
  CHECK(received.body == std::string("a\0b", 3));
  CHECK(received.headers.get("X-One") == "1");
  CHECK(received.headers.find("X-Nothing") == std::string_view{});
  CHECK_FALSE(received.headers.find("Content-Type"));
}

TEST_CASE("http: HEAD has no body whatever the length says", "[http]") {
  ScriptedServer server({raw("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", Step::Then::keep)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  HttpRequest request = get(server.url());
  request.method = "HEAD";

  const HttpResponse response = await(context, client.send(std::move(request)));

  CHECK(response.headers.get("content-length") == "12");
  CHECK(response.body.empty());
}

TEST_CASE("http: chunks are joined, an interim response is not the response", "[http]") {
  ScriptedServer server(
      {raw("HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")});
  asio::io_context context;
  HttpClient client(context.get_executor());

  const HttpResponse response = await(context, client.send(get(server.url())));

  CHECK(response.status == 200);
  CHECK(response.body == "abcde");
  CHECK_FALSE(response.headers.find("X-Early"));
}

TEST_CASE("http: 6 MB go out and come back", "[http]") {
  std::string big(6'291'556, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 >> 4U);
  ScriptedServer server({reply(200, {}, big)});
  asio::io_context context;
  HttpClient client(context.get_executor());

  const HttpResponse response = await(context, client.send(with_body("POST", server.url(), big)));

  // Not CHECK(a == b): a failure would print both.
  const bool came_back = response.body == big;
  const auto request = server.requests().at(0);
  const bool went_out = request.body == big;
  CHECK(came_back);
  CHECK(went_out);
  // For bodies of this size curl asks first, and waits a second for an answer.
  CHECK_FALSE(request.headers.find("Expect"));
}

TEST_CASE("http: a connection is used again, and the loop ends although it is kept", "[http]") {
  ScriptedServer server({reply(200), reply(200), reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());

  for (int i = 0; i < 3; ++i) {
    await(context, client.send(get(server.url())));
    // Returns at once: an idle connection is no outstanding work.
    context.restart();
    context.run();
  }

  for (const auto& request : server.requests()) CHECK(request.connection == 1);
}

TEST_CASE("http: a kept connection that the server has closed is replaced", "[http]") {
  Step last_on_connection = reply(200);
  last_on_connection.then = Step::Then::close;
  ScriptedServer server({last_on_connection, reply(201)});
  asio::io_context context;
  HttpClient client(context.get_executor());

  CHECK(await(context, client.send(get(server.url()))).status == 200);
  CHECK(await(context, client.send(with_body("POST", server.url(), "x"))).status == 201);
  CHECK(server.requests().at(1).body == "x");
}

TEST_CASE("http: requests run side by side", "[http]") {
  using namespace asio::experimental::awaitable_operators;
  ScriptedServer server({reply(201), reply(202), reply(203)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  const auto all = [&]() -> asio::awaitable<std::multiset<int>> {
    auto [a, b, c] =
        co_await (client.send(get(server.url("/a"))) && client.send(get(server.url("/b"))) &&
                  client.send(get(server.url("/c"))));
    std::multiset<int> statuses;
    statuses.insert(a.status);
    statuses.insert(b.status);
    statuses.insert(c.status);
    co_return statuses;
  };

  CHECK(await(context, all()) == std::multiset<int>{201, 202, 203});
}

TEST_CASE("http: transport failures have codes that say what happened", "[http]") {
  asio::io_context context;
  HttpClient client(context.get_executor());
  const auto failure_of = [&](Step step) {
    ScriptedServer server({std::move(step)});
    return error_of(context, client.send(get(server.url())));
  };

  CHECK(failure_of(raw("")) == std::errc::connection_reset);
  CHECK(failure_of(raw("", Step::Then::reset)) == std::errc::connection_reset);
  CHECK(failure_of(raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour")) ==
        std::errc::connection_reset);
  CHECK(failure_of(raw("SSH-2.0-OpenSSH_9.2\r\n")) == std::errc::protocol_error);
  const ScriptedServer silent({}, false);
  CHECK(error_of(context, client.send(get(silent.url()))) == std::errc::connection_refused);
}

TEST_CASE("http: the text of an error says what was tried", "[http]") {
  const ScriptedServer silent({}, false);
  asio::io_context context;
  HttpClient client(context.get_executor());

  CHECK_THROWS_WITH(await(context, client.send(get(silent.url("/x")))),
                    Catch::Contains("GET " + silent.url("/x")) && Catch::Contains("onnect"));
}

TEST_CASE("http: a timeout ends a request", "[http]") {
  ScriptedServer server({raw("", Step::Then::hang), reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  HttpRequest request = get(server.url());
  request.timeout = std::chrono::milliseconds(20);

  CHECK(error_of(context, client.send(std::move(request))) == std::errc::timed_out);
  CHECK(await(context, client.send(get(server.url()))).status == 200);
}

TEST_CASE("http: cancelling ends a request at once, and the client goes on", "[http][cancel]") {
  ScriptedServer server(
      {raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour", Step::Then::hang), reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  asio::co_spawn(context, client.send(get(server.url())),
                 asio::bind_cancellation_slot(signal.slot(),
                                              [&](std::exception_ptr error, const HttpResponse&) {
                                                failure = std::move(error);
                                              }));
  std::thread canceller([&] {
    const bool arrived = server.wait_for_requests(1);
    asio::post(context, [&, arrived] {
      if (arrived) signal.emit(asio::cancellation_type::terminal);
    });
  });
  const auto work = asio::make_work_guard(context);
  while (failure == nullptr && context.run_one_for(std::chrono::seconds(20)) != 0) {
  }
  canceller.join();

  REQUIRE(failure != nullptr);
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& e) {
    CHECK(e.code() == asio::error::operation_aborted);
  }
  CHECK(await(context, client.send(get(server.url()))).status == 200);
}

TEST_CASE("http: a request loses against a timer in operator||", "[http][cancel]") {
  using namespace asio::experimental::awaitable_operators;
  ScriptedServer server({raw("", Step::Then::hang)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  const auto race = [&]() -> asio::awaitable<std::size_t> {
    asio::steady_timer timer(context, std::chrono::milliseconds(10));
    const auto winner =
        co_await (client.send(get(server.url())) || timer.async_wait(asio::use_awaitable));
    co_return winner.index();
  };

  CHECK(await(context, race()) == 1);
}

TEST_CASE("http: destroying the client aborts what is under way", "[http][cancel]") {
  ScriptedServer server({raw("", Step::Then::hang), raw("", Step::Then::hang)});
  asio::io_context context;
  auto client = std::make_unique<HttpClient>(context.get_executor());
  int aborted = 0;
  for (int i = 0; i < 2; ++i) {
    asio::co_spawn(context, client->send(get(server.url())),
                   [&](std::exception_ptr error, const HttpResponse&) {
                     try {
                       std::rethrow_exception(std::move(error));
                     } catch (const std::system_error& e) {
                       if (e.code() == asio::error::operation_aborted) ++aborted;
                     }
                   });
  }
  while (server.requests().size() < 2) REQUIRE(context.run_one_for(std::chrono::seconds(20)) != 0);

  client.reset();
  context.restart();
  context.run();

  CHECK(aborted == 2);
}

TEST_CASE("http: a context may be destroyed with requests under way", "[http][cancel]") {
  ScriptedServer server({raw("", Step::Then::hang)});
  std::optional<HttpClient> client;
  {
    asio::io_context context;
    client.emplace(context.get_executor());
    asio::co_spawn(context, client->send(get(server.url())), asio::detached);
    while (server.requests().empty()) REQUIRE(context.run_one_for(std::chrono::seconds(20)) != 0);
    client.reset();  // the frame outlives the client and dies with the context
  }
  CHECK(server.requests().size() == 1);
}

TEST_CASE("http: a header can't smuggle in another", "[http]") {
  asio::io_context context;
  HttpClient client(context.get_executor());
  HttpRequest request = get("http://127.0.0.1:1/");
  request.headers.add("X-Id", "1\r\nX-Evil: 2");

  CHECK_THROWS_AS(await(context, client.send(std::move(request))), std::invalid_argument);
}

TEST_CASE("http: the environment's proxy is not for the Runtime API", "[http]") {
  ScriptedServer server({reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);

  const int status = await(context, client.send(get(server.url()))).status;
  ::unsetenv("http_proxy");

  CHECK(status == 200);
}
