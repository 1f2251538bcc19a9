// What bounds a response: the place it goes to, the time and the connections it may take.
#include <algorithm>
#include <asio/experimental/awaitable_operators.hpp>
#include <set>
#include <string>

#include "http/http_client.hpp"
#include "lambda/http/requests.hpp"
#include "lambda/support/await.hpp"
#include "lambda/support/scripted_server.hpp"
#include "support/catch.hpp"

using lambda::HttpClient;
using lambda::HttpClientConfig;
using lambda::HttpRequest;
using lambda::HttpResponse;
using namespace lambda::testing;

namespace {

HttpRequest get_into(const std::string& url, std::span<char> place) {
  HttpRequest request = get(url);
  request.into = [place](const HttpResponse& head) -> std::optional<std::span<char>> {
    if (head.status != 200) return std::nullopt;
    return place;
  };
  return request;
}

}  // namespace

TEST_CASE("http: a body goes into the caller's place", "[http]") {
  std::string big(3'000'000, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 >> 4U);
  ScriptedServer server({reply(200, {}, big), reply(404, {}, "no such thing"), reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  std::string place(big.size() + 5, '#');

  HttpResponse response = await(context, client.send(get_into(server.url(), place)));
  CHECK(response.placed == big.size());
  CHECK(response.body.empty());
  const bool equal = place == big + "#####";
  CHECK(equal);

  // An error's body is for reading, and leaves the place alone.
  response = await(context, client.send(get_into(server.url(), place)));
  CHECK(response.status == 404);
  CHECK(response.body == "no such thing");
  CHECK(response.placed == 0);
  CHECK(place.starts_with(big.substr(0, 20)));

  response = await(context, client.send(get_into(server.url(), place)));
  CHECK(response.placed == 0);
}

TEST_CASE("http: who gives the place sees the status and the headers", "[http]") {
  ScriptedServer server({reply(206, {{"Content-Range", "bytes 0-2/9"}}, "abc")});
  asio::io_context context;
  HttpClient client(context.get_executor());
  int asked = 0;
  std::string range;
  HttpRequest request = get(server.url());
  request.into = [&](const HttpResponse& head) -> std::optional<std::span<char>> {
    ++asked;
    CHECK(head.status == 206);
    range = head.headers.get("content-range");
    return std::nullopt;
  };

  CHECK(await(context, client.send(std::move(request))).body == "abc");
  CHECK(asked == 1);
  CHECK(range == "bytes 0-2/9");
}

TEST_CASE("http: more bytes than there is place for are an error", "[http]") {
  const Step chunked =
      raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
  ScriptedServer server({reply(200, {}, "abcd"), chunked, reply(200, {}, "abc")});
  asio::io_context context;
  HttpClient client(context.get_executor());
  std::string place = "1234";
  const std::span<char> three(place.data(), 3);

  CHECK_THROWS_WITH(
      await(context, client.send(get_into(server.url("/k"), three))),
      Catch::Contains("GET " + server.url("/k") + ": the body has more than the expected 3 bytes"));
  CHECK(error_of(context, client.send(get_into(server.url(), three))) == std::errc::message_size);
  CHECK(place[3] == '4');
  CHECK(await(context, client.send(get_into(server.url(), three))).placed == 3);
}

TEST_CASE("http: what is thrown instead of a place ends the request", "[http]") {
  ScriptedServer server({reply(200, {}, "abcd"), reply(201)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  HttpRequest request = get(server.url());
  request.into = [](const HttpResponse&) -> std::optional<std::span<char>> {
    throw std::invalid_argument("no place");
  };

  CHECK_THROWS_AS(await(context, client.send(std::move(request))), std::invalid_argument);
  CHECK(await(context, client.send(get(server.url()))).status == 201);
}

TEST_CASE("http: a transfer that all but stands still ends", "[http]") {
  ScriptedServer server(
      {raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour", Step::Then::hang), reply(200)});
  asio::io_context context;
  HttpClientConfig config;
  config.low_speed_time = std::chrono::seconds(1);
  HttpClient client(context.get_executor(), config);

  CHECK(error_of(context, client.send(get(server.url()))) == std::errc::timed_out);
  CHECK(await(context, client.send(get(server.url()))).status == 200);
}

TEST_CASE("http: redirects are not followed", "[http]") {
  ScriptedServer server({reply(301, {{"Location", "/elsewhere"}}), reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());

  CHECK(await(context, client.send(get(server.url()))).status == 301);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("http: dots and slashes of a path stay as they are", "[http]") {
  ScriptedServer server({reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());

  await(context, client.send(get(server.url("/a/../b//./c"))));

  CHECK(server.requests().at(0).target == "/a/../b//./c");
}

TEST_CASE("http: no more connections to a host than allowed, and they are used again", "[http]") {
  using namespace asio::experimental::awaitable_operators;
  ScriptedServer server([](const Received&) { return reply(200); });
  asio::io_context context;
  HttpClientConfig config;
  config.max_connections_per_host = 2;
  HttpClient client(context.get_executor(), config);
  const auto ask = [&](int times) -> asio::awaitable<void> {
    for (int i = 0; i < times; ++i) co_await client.send(get(server.url()));
  };
  const auto all = [&]() -> asio::awaitable<void> {
    co_await (ask(3) && ask(3) && ask(3) && ask(3));
  };

  await(context, all());

  int connections = 0;
  for (const auto& request : server.requests()) {
    connections = std::max(connections, request.connection);
  }
  CHECK(server.requests().size() == 12);
  CHECK(connections == 2);
}
