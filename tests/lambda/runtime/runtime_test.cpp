#include "runtime/runtime.hpp"

#include <asio/awaitable.hpp>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "lambda/support/error_type.hpp"
#include "lambda/support/scripted_server.hpp"
#include "support/catch.hpp"

using lambda::Context;
using lambda::Event;
using lambda::HandlerError;
using lambda::RunOptions;
using namespace lambda::testing;
using nlohmann::json;
using Pool = millrace::ComputePool<>;

namespace {

Step event(const std::string& id, const std::string& body) {
  return reply(200, {{"Lambda-Runtime-Aws-Request-Id", id}}, body);
}

RunOptions options_for(const ScriptedServer& server) {
  RunOptions options;
  options.client.api = server.address();
  options.worker_count = "1";
  return options;
}

struct Unusual {};

asio::awaitable<json> do_as_told(Event event, Context, Pool& pool) {
  const std::string command = event.at("do");
  if (command == "echo") co_return event;
  if (command == "compute") co_return co_await pool.execute([] { return 6 * 7; });
  if (command == "handler error") throw HandlerError("BadInput", "column 4");
  if (command == "std") throw std::out_of_range("too far");
  if (command == "non-std") throw Unusual{};
  if (command == "no utf-8") co_return json("\xFF");
  throw std::logic_error("unknown command");
}

/// The replies of `do_as_told` to these events, one `run` for all of them.
std::vector<Received> replies_to(const std::vector<std::string>& events) {
  std::vector<Step> script;
  for (std::size_t i = 0; i < events.size(); ++i) {
    script.push_back(event("r-" + std::to_string(i), events[i]));
    script.push_back(reply(202));
  }
  script.push_back(reply(500));
  const ScriptedServer server(script);
  CHECK(lambda::run(&do_as_told, options_for(server)) == EXIT_FAILURE);
  std::vector<Received> replies;
  for (auto& request : server.requests()) {
    if (request.method == "POST") replies.push_back(std::move(request));
  }
  REQUIRE(replies.size() == events.size());
  return replies;
}

std::string path(int id, const std::string& kind) {
  return "/2018-06-01/runtime/invocation/r-" + std::to_string(id) + "/" + kind;
}

}  // namespace

TEST_CASE("run: results go back, one event after the other", "[run]") {
  const auto replies = replies_to({R"({"do":"echo","n":1})", R"({"do":"compute"})"});
  CHECK(replies[0].target == path(0, "response"));
  CHECK(json::parse(replies[0].body) == json({{"do", "echo"}, {"n", 1}}));
  CHECK(replies[1].target == path(1, "response"));
  CHECK(replies[1].body == "42");
}

TEST_CASE("run: a failing handler is reported and the next event is served", "[run]") {
  const auto [command, type, message] = GENERATE(table<std::string, std::string, std::string>({
      {R"({"do":"handler error"})", "Function.BadInput", "column 4"},
      {R"({"do":"std"})", "Function.OutOfRange", "too far"},
      {R"({"do":"non-std"})", "Function.Unknown", "std::exception"},
      {R"({"do":7})", "Function.TypeError", "string"},
      {R"({})", "Function.OutOfRange", "do"},
      {R"({"do":"no utf-8"})", "Runtime.MarshalError", "UTF-8"},
      {"{\"do\":", "Runtime.UnmarshalError", "not JSON"},
      {"", "Runtime.UnmarshalError", "not JSON"},
      {"{} {}", "Runtime.UnmarshalError", "not JSON"},
      {"\"\xFF\"", "Runtime.UnmarshalError", "not JSON"},
  }));
  const auto replies = replies_to({command, R"({"do":"echo"})"});
  CHECK(replies[0].target == path(0, "error"));
  CHECK(replies[0].headers.get("Lambda-Runtime-Function-Error-Type") == type);
  CHECK(is_error_type(type));
  const json body = json::parse(replies[0].body);
  CHECK(body["errorType"] == type);
  CHECK_THAT(body["errorMessage"].get<std::string>(), Catch::Contains(message));
  CHECK(replies[1].target == path(1, "response"));
}

TEST_CASE("run: an event that would overflow the stack is refused", "[run]") {
  const auto nested = [](std::size_t depth) {
    return R"({"do":"echo","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  const std::string brackets_in_text = R"({"do":"echo","x":"\")" + std::string(5000, '[') + "\"}";
  const auto replies = replies_to({nested(3'000'000), nested(900), brackets_in_text});
  CHECK(replies[0].headers.get("Lambda-Runtime-Function-Error-Type") == "Runtime.UnmarshalError");
  CHECK(replies[1].target == path(1, "response"));
  CHECK(replies[2].target == path(2, "response"));
}

TEST_CASE("run: a reply that is too large isn't followed by an error", "[run]") {
  const ScriptedServer server({event("r-0", R"({"do":"echo"})"), reply(413),
                               event("r-1", R"({"do":"echo"})"), reply(202), reply(500)});
  lambda::run(&do_as_told, options_for(server));
  std::vector<std::string> targets;
  for (const auto& request : server.requests()) {
    if (request.method == "POST") targets.push_back(request.target);
  }
  CHECK(targets == std::vector<std::string>{path(0, "response"), path(1, "response")});
}

TEST_CASE("run: there is one pool, of the size asked for", "[run]") {
  const ScriptedServer server(
      {event("r-0", "{}"), reply(202), event("r-1", "{}"), reply(202), reply(500)});
  RunOptions options = options_for(server);
  options.worker_count = "3";
  std::set<Pool*> pools;
  lambda::run(
      [&](Event, Context, Pool& pool) -> asio::awaitable<json> {
        pools.insert(&pool);
        co_return pool.num_threads();
      },
      options);
  CHECK(pools.size() == 1);
  CHECK(server.requests().at(1).body == "3");
}

TEST_CASE("run: the trace id is in the environment while its event is handled", "[run]") {
  const ScriptedServer server(
      {reply(200, {{"Lambda-Runtime-Aws-Request-Id", "r-0"}, {"Lambda-Runtime-Trace-Id", "Root=1"}},
             "{}"),
       reply(202), event("r-1", "{}"), reply(202), reply(500)});
  std::map<std::string, std::string> seen;
  lambda::run(
      [&](Event, Context context, Pool&) -> asio::awaitable<json> {
        const char* id = std::getenv("_X_AMZN_TRACE_ID");
        seen[context.request_id] = id == nullptr ? "(none)" : id;
        co_return nullptr;
      },
      options_for(server));
  CHECK(seen == std::map<std::string, std::string>{{"r-0", "Root=1"}, {"r-1", "(none)"}});
}

TEST_CASE("run: a bad WORKER_COUNT is an init error", "[run][init]") {
  const std::string count = GENERATE("0", "7", "-1", "two", "2.5", "2 ", "99999999999999999999");
  const ScriptedServer server({reply(202)});
  RunOptions options = options_for(server);
  options.worker_count = count;
  CHECK(lambda::run(&do_as_told, options) == EXIT_FAILURE);
  REQUIRE(server.requests().size() == 1);
  const auto request = server.requests()[0];
  CHECK(request.target == "/2018-06-01/runtime/init/error");
  CHECK(request.headers.get("Lambda-Runtime-Function-Error-Type") ==
        "Function.InvalidConfiguration");
  CHECK_THAT(json::parse(request.body)["errorMessage"].get<std::string>(),
             Catch::Contains("WORKER_COUNT") && Catch::Contains("1 to 6") &&
                 Catch::Contains('"' + count + '"'));
}

TEST_CASE("run: WORKER_COUNT from 1 to 6, or none", "[run][init]") {
  CHECK(lambda::parse_worker_count("1") == 1);
  CHECK(lambda::parse_worker_count("6") == 6);
  CHECK(lambda::parse_worker_count("") == std::nullopt);
}

TEST_CASE("run: a handler may be made in the init phase, with the pool", "[run][init]") {
  const ScriptedServer server({event("r-0", "{}"), reply(202), reply(500)});
  int made = 0;
  lambda::run(
      [&](Pool& pool) {
        ++made;
        return
            [&made, threads = pool.num_threads()](Event, Context, Pool&) -> asio::awaitable<json> {
              co_return json{made, threads};
            };
      },
      options_for(server));
  CHECK(made == 1);
  CHECK(server.requests().at(1).body == "[1,1]");
}

TEST_CASE("run: what throws in the init phase is an init error", "[run][init]") {
  const ScriptedServer server({reply(202)});
  const auto factory = [](Pool&) {
    throw HandlerError("NoDatabase", "cannot open x.db");
    return &do_as_told;
  };
  CHECK(lambda::run(factory, options_for(server)) == EXIT_FAILURE);
  const auto request = server.requests().at(0);
  CHECK(request.target == "/2018-06-01/runtime/init/error");
  CHECK(json::parse(request.body)["errorMessage"] == "cannot open x.db");
}

TEST_CASE("run: without an address it says so and ends", "[run][init]") {
  ::unsetenv("AWS_LAMBDA_RUNTIME_API");
  CHECK(lambda::run(&do_as_told) == EXIT_FAILURE);
}

TEST_CASE("run: the address comes from the environment", "[run][init]") {
  const ScriptedServer server({event("r-0", R"({"do":"echo"})"), reply(202), reply(500)});
  ::setenv("AWS_LAMBDA_RUNTIME_API", server.address().c_str(), 1);
  CHECK(lambda::run(&do_as_told) == EXIT_FAILURE);
  ::unsetenv("AWS_LAMBDA_RUNTIME_API");
  CHECK(server.requests().size() == 3);
}
