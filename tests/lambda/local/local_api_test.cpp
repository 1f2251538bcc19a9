// local-runtime-api with a real bootstrap, from the outside.

#include "local_api.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lambda/support/files.hpp"
#include "replies.hpp"
#include "support/catch.hpp"

using lambda::HttpResponse;
using lambda::testing::error_of;
using lambda::testing::LocalApi;
using lambda::testing::message_of;
using lambda::testing::result_of;
using nlohmann::json;

namespace {

std::vector<std::string> with_bootstrap(std::vector<std::string> arguments = {}) {
  for (const char* argument : {"--env", "WORKER_COUNT=1", "--", TEST_BOOTSTRAP}) {
    arguments.emplace_back(argument);
  }
  return arguments;
}

/// What a process has open, as `socket:[1234]`; standard input, output and error left out.
std::set<std::string> open_files(pid_t pid) {
  std::set<std::string> result;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    const int number = std::stoi(entry.path().filename());
    if (number <= STDERR_FILENO) continue;
    std::error_code error;
    const auto file = std::filesystem::read_symlink(entry.path(), error);
    if (error == std::errc::no_such_file_or_directory) continue;  // closed since it was listed
    if (error) throw std::system_error(error);
    result.insert(file);
  }
  return result;
}

/// A call goes well, and is computed in the pool.
void check_serves(LocalApi& api) {
  CHECK(result_of(api.invoke(R"({"do":"compute"})")) == 42);
}

std::string exit_text(const HttpResponse& response, const std::string& how) {
  return "RequestId: " + std::string(response.headers.get("X-Amzn-RequestId")) +
         " Error: Runtime exited with error: " + how;
}

}  // namespace

TEST_CASE("local: a call is answered", "[local]") {
  LocalApi api(with_bootstrap());
  const HttpResponse response = api.invoke(R"({"n":1,"text":"ä"})");
  CHECK(result_of(response) == json({{"n", 1}, {"text", "ä"}}));
  CHECK(response.headers.get("X-Amzn-RequestId").size() == 36);
  CHECK(result_of(api.invoke("")) == json::object());
  check_serves(api);
}

TEST_CASE("local: the function sees its context", "[local]") {
  LocalApi api(with_bootstrap({"--timeout", "60"}));
  const HttpResponse response =
      api.invoke(R"({"do":"context"})",
                 {{"X-Amzn-Trace-Id", "Root=1-2-3"}, {"X-Amz-Client-Context", "eyJhIjoxfQ=="}});
  const json context = result_of(response);
  CHECK(context.at("request_id") == response.headers.get("X-Amzn-RequestId"));
  CHECK(context.at("remaining_ms") > 0);
  CHECK(context.at("remaining_ms") <= 60'000);
  CHECK_THAT(context.at("arn").get<std::string>(), Catch::StartsWith("arn:aws:lambda:"));
  CHECK(context.at("trace_id") == "Root=1-2-3");
  CHECK(context.at("client_context") == R"({"a":1})");
  CHECK(context.at("invocation_id").get<std::string>().size() == 36);
}

TEST_CASE("local: the function sees Lambda's environment and --env", "[local]") {
  LocalApi api(with_bootstrap({"--env", "GREETING=hello world"}));
  const auto env = [&](const std::string& name) {
    return result_of(api.invoke(json{{"do", "env"}, {"name", name}}.dump()));
  };
  CHECK("http://" + env("AWS_LAMBDA_RUNTIME_API").get<std::string>() == api.url());
  CHECK(env("AWS_LAMBDA_FUNCTION_NAME") == "function");
  CHECK(env("GREETING") == "hello world");
  CHECK_THAT(env("_X_AMZN_TRACE_ID").get<std::string>(), Catch::StartsWith("Root=1-"));
}

TEST_CASE("local: a malformed event", "[local][failure]") {
  LocalApi api(with_bootstrap());
  const std::string event = GENERATE("{\"do\":", "\xFF", "{} x", "nul");
  const json error = error_of(api.invoke(event));
  CHECK(error.at("errorType") == "Runtime.UnmarshalError");
  CHECK_THAT(message_of(error), Catch::Contains("not JSON"));
  check_serves(api);
}

TEST_CASE("local: a handler that throws", "[local][failure]") {
  LocalApi api(with_bootstrap());
  const json error = error_of(api.invoke(R"({"do":"throw"})"));
  CHECK(error.at("errorType") == "Function.AsToldTo");
  CHECK(message_of(error) == "thrown as told");
  check_serves(api);
}

TEST_CASE("local: bootstrap is killed in the middle of an invocation", "[local][failure]") {
  LocalApi api(with_bootstrap());
  const pid_t bootstrap = result_of(api.invoke(R"({"do":"pid"})")).get<pid_t>();
  auto call = std::async(std::launch::async, [&] { return api.invoke(R"({"do":"hang"})"); });
  REQUIRE(api.wait_for_log("START RequestId", 2));
  ::kill(bootstrap, SIGKILL);

  const HttpResponse response = call.get();

  const json error = error_of(response);
  CHECK(error.at("errorType") == "Runtime.ExitError");
  CHECK(message_of(error) == exit_text(response, "signal: killed"));
  check_serves(api);
  CHECK(result_of(api.invoke(R"({"do":"pid"})")) != bootstrap);
}

TEST_CASE("local: bootstrap ends itself in the middle of an invocation", "[local][failure]") {
  const auto [event, how] = GENERATE(table<std::string, std::string>({
      {R"({"do":"signal","number":9})", "signal: killed"},
      {R"({"do":"signal","number":6})", "signal: aborted"},
      {R"({"do":"exit","status":3})", "exit status 3"},
  }));
  LocalApi api(with_bootstrap());
  const HttpResponse response = api.invoke(event);
  CHECK(message_of(error_of(response)) == exit_text(response, how));
  check_serves(api);
}

TEST_CASE("local: bootstrap is killed between two invocations", "[local][failure]") {
  LocalApi api(with_bootstrap());
  const pid_t bootstrap = result_of(api.invoke(R"({"do":"pid"})")).get<pid_t>();
  ::kill(bootstrap, SIGKILL);
  REQUIRE(api.wait_for_log("bootstrap has ended (signal: killed)"));
  check_serves(api);
}

TEST_CASE("local: a timeout", "[local][failure]") {
  LocalApi api(with_bootstrap({"--timeout", "0.25"}));
  // Keeping the I/O thread, on which the function would stop itself before, and a worker for ever.
  const std::string event = GENERATE(R"({"do":"block"})", R"({"do":"compute for ever"})");
  const HttpResponse response = api.invoke(event);
  const json error = error_of(response);
  CHECK(error.size() == 1);
  const std::string id{response.headers.get("X-Amzn-RequestId")};
  // `2026-11-20T04:43:31.123Z <id> Task ...`
  CHECK(message_of(error).find("Z " + id + " Task timed out after 0.25 seconds") == 23);
  check_serves(api);
}

TEST_CASE("local: calls behind one that times out are served", "[local][failure]") {
  LocalApi api(with_bootstrap({"--timeout", "0.25"}));
  check_serves(api);
  auto slow = std::async(std::launch::async, [&] { return api.invoke(R"({"do":"block"})"); });
  REQUIRE(api.wait_for_log("START RequestId", 2));
  std::array<std::future<HttpResponse>, 3> behind;
  for (auto& call : behind) {
    call = std::async(std::launch::async, [&] { return api.invoke(R"({"do":"compute"})"); });
  }
  CHECK_THAT(message_of(error_of(slow.get())), Catch::Contains("timed out"));
  for (auto& call : behind) CHECK(result_of(call.get()) == 42);
}

TEST_CASE("local: calls at the same time are served one after another", "[local]") {
  LocalApi api(with_bootstrap());
  std::vector<std::future<HttpResponse>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(
        std::async(std::launch::async, [&api, i] { return api.invoke(json{{"n", i}}.dump()); }));
  }
  for (int i = 0; i < 8; ++i) {
    CHECK(result_of(calls[static_cast<std::size_t>(i)].get()) == json({{"n", i}}));
  }
}

TEST_CASE("local: a reply that is too large", "[local][failure]") {
  LocalApi api(with_bootstrap());
  const json error = error_of(api.invoke(R"({"do":"size","bytes":6291557})"));
  CHECK(error.at("errorType") == "Function.ResponseSizeTooLarge");
  CHECK_THAT(message_of(error), Catch::Contains("6291557") && Catch::Contains("6291556"));
  CHECK(api.invoke(R"({"do":"size","bytes":6291556})").body.size() == 6'291'556);
  check_serves(api);
}

TEST_CASE("local: an event that is too large", "[local][failure]") {
  LocalApi api(with_bootstrap());
  const auto event_of = [](std::size_t size) { return '"' + std::string(size - 2, 'x') + '"'; };
  const HttpResponse refused = api.invoke(event_of(6'291'457));
  CHECK(refused.status == 413);
  CHECK(json::parse(refused.body)["errorType"] == "RequestTooLargeException");
  // Not an object, which the test's handler doesn't expect; it got there, though.
  CHECK(error_of(api.invoke(event_of(6'291'456)))["errorType"] == "Function.TypeError");
  check_serves(api);
}

TEST_CASE("local: a function that can't start says why", "[local][failure]") {
  LocalApi api({"--env", "WORKER_COUNT=9", "--", TEST_BOOTSTRAP});
  for (int i = 0; i < 2; ++i) {
    const json error = error_of(api.invoke("{}"));
    CHECK(error.at("errorType") == "Function.InvalidConfiguration");
    CHECK_THAT(message_of(error), Catch::Contains("WORKER_COUNT") && Catch::Contains("\"9\""));
  }
}

TEST_CASE("local: a program that isn't a function", "[local][failure]") {
  LocalApi api({"--", "/bin/false"});
  const HttpResponse response = api.invoke("{}");
  CHECK(message_of(error_of(response)) == exit_text(response, "exit status 1"));
}

TEST_CASE("local: a program that never asks for an event", "[local][failure]") {
  LocalApi api({"--init-timeout", "0.2", "--", "/bin/sleep", "600"});
  for (int i = 0; i < 2; ++i) {
    CHECK_THAT(message_of(error_of(api.invoke("{}"))), Catch::Contains("timed out"));
  }
}

TEST_CASE("local: the log has bootstrap's lines and Lambda's", "[local]") {
  LocalApi api(with_bootstrap());
  const HttpResponse response = api.invoke(R"({"secret":"hunter2"})");
  const std::string id{response.headers.get("X-Amzn-RequestId")};
  CHECK(api.wait_for_log("START RequestId: " + id + " Version: $LATEST\n"));
  CHECK(api.wait_for_log("END RequestId: " + id + "\n"));
  CHECK(api.wait_for_log("REPORT RequestId: " + id + "\tDuration: "));
  CHECK(api.wait_for_log("\"message\":\"invocation\""));
  CHECK(api.wait_for_log("\tMax Memory Used: "));
  CHECK(api.wait_for_log(" MB\tStatus: success\n"));
  CHECK_THAT(api.log(), !Catch::Contains("hunter2"));
}

TEST_CASE("local: bootstrap inherits no socket of the server", "[local]") {
  LocalApi api(with_bootstrap());
  const pid_t bootstrap = result_of(api.invoke(R"({"do":"pid"})")).get<pid_t>();
  const auto of_server = open_files(api.pid());
  int sockets = 0;
  for (const std::string& file : open_files(bootstrap)) {
    if (!file.starts_with("socket:")) continue;
    ++sockets;
    CHECK(of_server.count(file) == 0);
  }
  CHECK(sockets > 0);  // its own connection
}

TEST_CASE("local: SIGINT and SIGTERM end it and bootstrap, with 0", "[local][stop]") {
  const int number = GENERATE(SIGINT, SIGTERM);
  LocalApi api(with_bootstrap());
  check_serves(api);
  CHECK(result_of(api.invoke(R"({"do":"leave child"})")) == "left");
  api.signal(number);
  CHECK(api.wait() == "exit status 0");
  CHECK(api.wait_until_all_ended());
}

TEST_CASE("local: it ends in the middle of an invocation, too", "[local][stop]") {
  LocalApi api(with_bootstrap());
  auto call = std::async(std::launch::async, [&] {
    try {
      return api.invoke(R"({"do":"block"})").status;
    } catch (const std::system_error&) {
      return 0;
    }
  });
  REQUIRE(api.wait_for_log("START RequestId"));
  api.signal(SIGTERM);
  CHECK(api.wait() == "exit status 0");
  CHECK(api.wait_until_all_ended());
  call.get();
}

TEST_CASE("local: bootstrap doesn't outlive a killed server", "[local][stop]") {
  LocalApi api(with_bootstrap());
  // One that is busy: an idle one would give up by itself when nobody answers its polls.
  bool cut_off = false;
  auto call = std::async(std::launch::async, [&] {
    try {
      static_cast<void>(api.invoke(R"({"do":"block"})"));
    } catch (const std::system_error&) {
      cut_off = true;
    }
  });
  REQUIRE(api.wait_for_log("START RequestId"));
  api.signal(SIGKILL);
  CHECK(api.wait() == "signal 9");
  CHECK(api.wait_until_all_ended());
  call.get();
  CHECK(cut_off);
}

TEST_CASE("local: what bootstrap has started doesn't outlive it", "[local][stop]") {
  LocalApi api(with_bootstrap());
  CHECK(result_of(api.invoke(R"({"do":"leave child"})")) == "left");
  error_of(api.invoke(R"({"do":"exit","status":1})"));
  // The restarted one has no child. The old one's would keep standard error open.
  check_serves(api);
  api.signal(SIGTERM);
  CHECK(api.wait() == "exit status 0");
  CHECK(api.wait_until_all_ended());
}

TEST_CASE("local: mistakes on the command line", "[local]") {
  const auto [arguments, text] = GENERATE(table<std::vector<std::string>, std::string>({
      {{"--timeout", "soon"}, "--timeout wants a number"},
      {{"--", "/nonexistent/bootstrap"}, "cannot execute \"/nonexistent/bootstrap\""},
      {{"--", "nonexistent-bootstrap"}, "cannot execute \"nonexistent-bootstrap\""},
      {{"--", "/"}, "is a directory"},
  }));
  LocalApi api(arguments);
  CHECK(api.wait() == "exit status 2");
  CHECK(api.wait_for_log(text));
  CHECK(api.wait_until_all_ended());
  const std::string log = api.log();
  CHECK(std::count(log.begin(), log.end(), '\n') == 1);
  // Whoever waits for where it listens must not take another address for it.
  CHECK_THAT(log, !Catch::Contains("http://"));
  CHECK_THROWS_WITH(api.url(),
                    Catch::Contains("ended before it listened") && Catch::Contains(text));
}

TEST_CASE("local: a bare name is a program of PATH", "[local]") {
  // It starts another one, as those that limit or watch a bootstrap do.
  LocalApi api({"--env", "WORKER_COUNT=1", "--", "env", "FROM=env", TEST_BOOTSTRAP});
  check_serves(api);
  CHECK(result_of(api.invoke(R"({"do":"env","name":"FROM"})")) == "env");
}

TEST_CASE("local: a program that the kernel refuses is named with the reason", "[local][failure]") {
  const test::TemporaryDirectory folder;
  const std::string program = folder.write("program", "neither ELF nor #!\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  LocalApi api({"--", program});
  CHECK(message_of(error_of(api.invoke("{}"))).find("exit status 127") != std::string::npos);
  CHECK(api.wait_for_log("cannot execute " + program + ": Exec format error"));
}

TEST_CASE("local: a port that is taken", "[local]") {
  LocalApi first({});
  LocalApi second({"--port", first.url().substr(first.url().rfind(':') + 1)});
  CHECK(second.wait() == "exit status 1");
  CHECK(second.wait_for_log("in use"));
}
