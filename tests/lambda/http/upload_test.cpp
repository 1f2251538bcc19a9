#include "http/upload.hpp"

#include <array>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <optional>

#include "lambda/support/await.hpp"
#include "lambda/support/scripted_server.hpp"
#include "support/catch.hpp"

using lambda::HttpClient;
using lambda::HttpHeaders;
using lambda::HttpRequest;
using lambda::HttpUpload;
using namespace lambda::testing;

namespace {

/// An upload with a writer that has begun to write `text`.
struct Writing {
  Writing(std::string bytes, std::size_t capacity)
      : text(std::move(bytes)), upload(context.get_executor(), capacity) {
    asio::co_spawn(context, upload.write(text),
                   asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr error) {
                     done = true;
                     failure = error;
                   }));
    context.poll();
  }

  std::string take(std::size_t most) {
    std::string bytes(most, '\0');
    const auto size = upload.take(bytes.data(), most);
    bytes.resize(size.value_or(0));
    context.restart();
    context.poll();
    return bytes;
  }

  std::string text;
  asio::io_context context;
  HttpUpload upload;
  asio::cancellation_signal signal;
  bool done = false;
  std::exception_ptr failure;
};

std::shared_ptr<HttpUpload> upload_on(asio::io_context& context) {
  return std::make_shared<HttpUpload>(context.get_executor());
}

HttpRequest post_of(const ScriptedServer& server, std::shared_ptr<HttpUpload> upload) {
  HttpRequest request;
  request.method = "POST";
  request.url = server.url("/up");
  request.headers = {{"Trailer", "X-End"}};
  request.upload = std::move(upload);
  return request;
}

asio::awaitable<void> write_parts(HttpUpload& upload, const std::vector<std::string>& parts,
                                  HttpHeaders trailers) {
  for (const std::string& part : parts) co_await upload.write(part);
  upload.finish(std::move(trailers));
}

}  // namespace

TEST_CASE("upload: what fits is taken at once", "[upload]") {
  Writing w("abc", 3);
  CHECK(w.done);
  CHECK(w.upload.size() == 3);
  CHECK(w.take(10) == "abc");
}

TEST_CASE("upload: a write that doesn't fit waits until its bytes are taken", "[upload]") {
  Writing w("abcdefgh", 3);
  CHECK_FALSE(w.done);
  CHECK(w.upload.size() == 3);
  CHECK(w.take(2) == "ab");
  CHECK_FALSE(w.done);
  CHECK(w.upload.size() == 5);
  CHECK(w.take(3) == "cde");
  CHECK(w.done);
  CHECK(w.take(9) == "fgh");
  CHECK_FALSE(w.failure);
}

TEST_CASE("upload: a closed one fails the write that waits, and those to come", "[upload]") {
  Writing w("abcd", 3);
  w.upload.close(std::make_exception_ptr(std::runtime_error("gone")));
  w.context.restart();
  w.context.poll();
  REQUIRE(w.failure);
  CHECK_THROWS_WITH(std::rethrow_exception(w.failure), "gone");
  CHECK_THROWS_WITH(await(w.context, w.upload.write("x")), "gone");
}

TEST_CASE("upload: a write that waits can be cancelled", "[upload]") {
  Writing w("abcd", 3);
  w.signal.emit(asio::cancellation_type::terminal);
  w.context.restart();
  w.context.poll();
  REQUIRE(w.done);
  REQUIRE(w.failure);
  CHECK_THROWS_AS(std::rethrow_exception(w.failure), std::system_error);
}

TEST_CASE("upload: nothing for now, then bytes, then the end", "[upload]") {
  asio::io_context context;
  HttpUpload upload(context.get_executor());
  int ready = 0;
  upload.attach([&] { ++ready; });
  std::array<char, 8> bytes{};
  CHECK(upload.take(bytes.data(), 8) == std::nullopt);
  CHECK_FALSE(upload.begun());
  await(context, upload.write("ab"));
  await(context, upload.write("c"));
  CHECK(ready == 1);  // once for each time that there was nothing
  CHECK(upload.take(bytes.data(), 8) == 3U);
  CHECK(upload.begun());
  CHECK(upload.take(bytes.data(), 8) == std::nullopt);
  upload.finish();
  CHECK(ready == 2);
  CHECK(upload.take(bytes.data(), 8) == 0U);
}

TEST_CASE("upload: a body goes out while it is written, with its trailers", "[upload][http]") {
  ScriptedServer server({reply(202), reply(200)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  const auto upload = upload_on(context);
  const std::vector<std::string> parts = {"one ", std::string(5'000'000, 'x'), " three"};
  asio::co_spawn(context, write_parts(*upload, parts, {{"X-End", "why"}}), asio::detached);
  CHECK(await(context, client.send(post_of(server, upload))).status == 202);
  const auto request = server.requests().at(0);
  CHECK(request.method == "POST");
  const bool whole = request.body == parts[0] + parts[1] + parts[2];
  CHECK(whole);
  CHECK(request.trailers.get("X-End") == "why");
  CHECK_FALSE(request.headers.find("Content-Length"));
  CHECK_FALSE(request.headers.find("Expect"));
  // The same client goes on.
  HttpRequest get;
  get.url = server.url();
  CHECK(await(context, client.send(std::move(get))).status == 200);
}

TEST_CASE("upload: the request waits for a writer that is slower", "[upload][http]") {
  ScriptedServer server({reply(202)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  const auto upload = upload_on(context);
  std::optional<int> status;
  asio::co_spawn(context, client.send(post_of(server, upload)),
                 [&](std::exception_ptr, const lambda::HttpResponse& r) { status = r.status; });
  for (const std::string part : {"a", "b"}) {
    await(context, upload->write(part));
    while (!upload->begun()) context.run_one();
    // Until the request has nothing more to do: it has found nothing to take, and waits.
    while (context.poll() > 0) {
    }
  }
  CHECK_FALSE(status);
  upload->finish();
  while (!status) context.run_one();
  CHECK(*status == 202);
  CHECK(server.requests().at(0).body == "ab");
  CHECK(server.requests().at(0).trailers.size() == 0);
}

TEST_CASE("upload: an empty body is a body", "[upload][http]") {
  ScriptedServer server({reply(202)});
  asio::io_context context;
  HttpClient client(context.get_executor());
  const auto upload = upload_on(context);
  upload->finish({{"X-End", "empty"}});
  CHECK(await(context, client.send(post_of(server, upload))).status == 202);
  CHECK(server.requests().at(0).body.empty());
  CHECK(server.requests().at(0).trailers.get("X-End") == "empty");
}

TEST_CASE("upload: a request that fails fails the writer", "[upload][http]") {
  ScriptedServer server({}, false);
  asio::io_context context;
  HttpClient client(context.get_executor());
  const auto upload = upload_on(context);
  std::exception_ptr failure;
  asio::co_spawn(context, client.send(post_of(server, upload)),
                 [&](std::exception_ptr error, const lambda::HttpResponse&) { failure = error; });
  const auto much = std::string(10 * HttpUpload::default_capacity, 'x');
  CHECK_THROWS_AS(await(context, upload->write(much)), std::system_error);
  CHECK(failure);
  CHECK_FALSE(upload->begun());
}
