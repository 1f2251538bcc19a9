#include <asio/awaitable.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "lambda/support/await.hpp"
#include "lambda/support/scripted_server.hpp"
#include "runtime/response_stream.hpp"
#include "runtime/runtime.hpp"
#include "support/catch.hpp"

using lambda::Context;
using lambda::Event;
using lambda::HandlerError;
using lambda::ResponseStream;
using lambda::RunOptions;
using namespace lambda::testing;
using nlohmann::json;
using Pool = millrace::ComputePool<>;

namespace {

Step event(const std::string& id, const std::string& body) {
  return reply(200,
               {{"Lambda-Runtime-Aws-Request-Id", id}, {"Lambda-Runtime-Invocation-Id", "i-" + id}},
               body);
}

asio::awaitable<void> stream(Event event, Context, Pool& pool, ResponseStream& out) {
  if (event.contains("type")) out.content_type(event["type"]);
  if (event.contains("status")) out.prelude(event["status"], {{"A", "1"}, {"A", "2"}});
  for (const json& part : event.at("parts")) {
    auto work = [&part] { return part.get<std::string>(); };
    const std::string bytes = co_await pool.execute(std::move(work));
    co_await out.write(bytes);
  }
  if (event.contains("fail")) throw HandlerError("TooBad", event["fail"]);
  if (event.contains("late")) out.prelude(200);
}

/// What was posted for these events, one `run` for all of them; 202 to each.
std::vector<Received> replies_to(const std::vector<std::string>& events, int status = 202) {
  std::vector<Step> script;
  for (std::size_t i = 0; i < events.size(); ++i) {
    script.push_back(event("r-" + std::to_string(i), events[i]));
    script.push_back(reply(status));
  }
  script.push_back(reply(500));
  const ScriptedServer server(script);
  RunOptions options;
  options.client.api = server.address();
  options.worker_count = "1";
  CHECK(lambda::run(&stream, options) == EXIT_FAILURE);
  std::vector<Received> replies;
  for (auto& request : server.requests()) {
    if (request.method == "POST") replies.push_back(std::move(request));
  }
  REQUIRE(replies.size() == events.size());
  return replies;
}

std::string decoded(std::string_view base64) {
  std::string bits;
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const char c : base64) {
    if (c == '=') continue;
    const auto value = digits.find(c);
    REQUIRE(value != std::string::npos);
    for (int bit = 5; bit >= 0; --bit) bits += (value >> bit & 1U) != 0 ? '1' : '0';
  }
  std::string bytes;
  for (std::size_t i = 0; i + 8 <= bits.size(); i += 8) {
    bytes += static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2));
  }
  return bytes;
}

}  // namespace

TEST_CASE("streaming: the reply is chunked and has Lambda's headers", "[streaming]") {
  const auto replies = replies_to({R"({"parts":["one ","two"],"type":"text/plain"})"});
  const auto& request = replies[0];
  CHECK(request.target == "/2018-06-01/runtime/invocation/r-0/response");
  CHECK(request.headers.get("Lambda-Runtime-Function-Response-Mode") == "streaming");
  CHECK(request.headers.get("Transfer-Encoding") == "chunked");
  CHECK(request.headers.get("Content-Type") == "text/plain");
  CHECK(request.headers.get("Lambda-Runtime-Invocation-Id") == "i-r-0");
  CHECK(request.headers.get("Connection") == "close");
  CHECK(request.headers.get("Trailer") ==
        "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body");
  CHECK(request.body == "one two");
  CHECK(request.trailers.size() == 0);
}

TEST_CASE("streaming: a late error is in the trailers and the next event is served",
          "[streaming]") {
  const std::string message = GENERATE("a", "ab", "abc", "\xC3\xA4 \"quoted\"");
  const auto replies =
      replies_to({json{{"parts", {"some"}}, {"fail", message}}.dump(), R"({"parts":["next"]})"});
  CHECK(replies[0].body == "some");
  CHECK(replies[0].trailers.get("Lambda-Runtime-Function-Error-Type") == "Function.TooBad");
  const json error =
      json::parse(decoded(replies[0].trailers.get("Lambda-Runtime-Function-Error-Body")));
  CHECK(error["errorType"] == "Function.TooBad");
  CHECK(error["errorMessage"] == message);
  CHECK(error["stackTrace"] == json::array());
  CHECK(replies[1].body == "next");
}

TEST_CASE("streaming: trailers stay small", "[streaming]") {
  const auto trailers = lambda::error_trailers({"Function.Long", std::string(1'000'000, '\x01')});
  const auto body = trailers.get("Lambda-Runtime-Function-Error-Body");
  CHECK(body.size() < 40'000);
  CHECK(json::parse(decoded(body))["errorType"] == "Function.Long");
}

TEST_CASE("streaming: an error before the first byte is an ordinary reply", "[streaming]") {
  const auto replies = replies_to({R"({"parts":[],"fail":"no","status":200})", "{bad"});
  for (const auto& request : replies) CHECK(request.target.find("/error") != std::string::npos);
  CHECK(replies[0].headers.get("Lambda-Runtime-Function-Error-Type") == "Function.TooBad");
  CHECK(json::parse(replies[0].body)["errorMessage"] == "no");
  CHECK(replies[1].headers.get("Lambda-Runtime-Function-Error-Type") == "Runtime.UnmarshalError");
}

TEST_CASE("streaming: the prelude comes first, before eight zero bytes", "[streaming]") {
  const auto replies = replies_to({R"({"parts":["body"],"status":404})"});
  CHECK(replies[0].headers.get("Content-Type") ==
        "application/vnd.awslambda.http-integration-response");
  CHECK(replies[0].body ==
        R"({"headers":{"A":"1, 2"},"statusCode":404})" + std::string(8, '\0') + "body");
}

TEST_CASE("streaming: a prelude after the first byte is a mistake", "[streaming]") {
  const auto replies = replies_to({R"({"parts":["some"],"late":true})"});
  CHECK(replies[0].trailers.get("Lambda-Runtime-Function-Error-Type") == "Function.LogicError");
}

TEST_CASE("streaming: a status that is none is a mistake", "[streaming]") {
  const auto replies = replies_to({R"({"parts":[],"status":99})"});
  CHECK(replies[0].headers.get("Lambda-Runtime-Function-Error-Type") == "Function.InvalidArgument");
}

TEST_CASE("streaming: a reply of nothing is a reply", "[streaming]") {
  const auto replies = replies_to({R"({"parts":[]})"});
  CHECK(replies[0].headers.get("Lambda-Runtime-Function-Response-Mode") == "streaming");
  CHECK(replies[0].body.empty());
}

TEST_CASE("streaming: a refused reply is no reason to stop", "[streaming]") {
  const int status = GENERATE(400, 403, 410, 413);
  const auto replies = replies_to({R"({"parts":["a"]})", R"({"parts":["b"]})"}, status);
  CHECK(replies[1].body == "b");
}

TEST_CASE("streaming: a connection that breaks ends", "[streaming]") {
  const ScriptedServer server({event("r-0", R"({"parts":["a"]})"), raw(""), reply(500)});
  RunOptions options;
  options.client.api = server.address();
  CHECK(lambda::run(&stream, options) == EXIT_FAILURE);
  // What was sent is gone, so there is no second try, and no further poll.
  CHECK(server.requests().size() == 2);
}
