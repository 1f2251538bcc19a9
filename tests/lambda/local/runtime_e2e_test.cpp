// What the runtime does with several invocations, deadlines, streams and signals: real bootstrap,
// real server.

#include <signal.h>

#include <algorithm>
#include <csignal>
#include <future>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "local_api.hpp"
#include "replies.hpp"
#include "support/catch.hpp"

using lambda::HttpResponse;
using lambda::testing::error_of;
using lambda::testing::LocalApi;
using lambda::testing::result_of;
using nlohmann::json;

namespace {

std::vector<std::string> arguments(std::vector<std::string> options, const std::string& mode = "") {
  for (const char* argument : {"--env", "WORKER_COUNT=2", "--", TEST_BOOTSTRAP}) {
    options.emplace_back(argument);
  }
  if (!mode.empty()) options.push_back(mode);
  return options;
}

/// The `count` first lines of the log that are JSON with this message.
std::vector<json> lines_of(LocalApi& api, const std::string& message, int count) {
  REQUIRE(api.wait_for_log("\"message\":\"" + message + "\"", count));
  std::vector<json> found;
  while (found.size() < static_cast<std::size_t>(count)) {
    found.clear();
    const std::string log = api.log();
    for (std::size_t begin = 0, end = 0; (end = log.find('\n', begin)) != log.npos;
         begin = end + 1) {
      const json line = json::parse(log.substr(begin, end - begin), nullptr, false);
      if (line.is_object() && line.value("message", "") == message) found.push_back(line);
    }
  }
  return found;
}

}  // namespace

TEST_CASE("concurrency: four invocations are in flight at once", "[concurrency]") {
  LocalApi api(arguments({"--concurrency", "4"}));
  std::vector<std::future<HttpResponse>> calls;
  for (int tag = 0; tag < 4; ++tag) {
    calls.push_back(std::async(std::launch::async, [&api, tag] {
      return api.invoke(json{{"do", "meet"}, {"count", 4}, {"tag", tag}}.dump());
    }));
  }
  std::set<int> numbers;
  for (int tag = 0; tag < 4; ++tag) {
    const json reply = result_of(calls[static_cast<std::size_t>(tag)].get());
    CHECK(reply.at("tag") == tag);
    numbers.insert(reply.at("number").get<int>());
  }
  CHECK(numbers == std::set<int>{1, 2, 3, 4});
}

TEST_CASE("concurrency: the trace id is in the context only", "[concurrency]") {
  const bool several = GENERATE(false, true);
  LocalApi api(arguments(several ? std::vector<std::string>{"--concurrency", "2"}
                                 : std::vector<std::string>{}));
  const lambda::HttpHeaders trace = {{"X-Amzn-Trace-Id", "Root=1-2-3"}};
  const json in_env = result_of(api.invoke(R"({"do":"env","name":"_X_AMZN_TRACE_ID"})", trace));
  CHECK(in_env == (several ? json() : json("Root=1-2-3")));
  CHECK(result_of(api.invoke(R"({"do":"context"})", trace)).at("trace_id") == "Root=1-2-3");
}

TEST_CASE("concurrency: a number that is none is an init error", "[concurrency]") {
  const std::string number = GENERATE("0", "1001", "x", "2.5");
  LocalApi api(arguments({"--env", "AWS_LAMBDA_MAX_CONCURRENCY=" + number}));
  const json failure = error_of(api.invoke("{}"));
  CHECK(failure.at("errorType") == "Function.InvalidConfiguration");
  CHECK_THAT(failure.at("errorMessage").get<std::string>(),
             Catch::Contains("AWS_LAMBDA_MAX_CONCURRENCY") && Catch::Contains("1 to 1000") &&
                 Catch::Contains('"' + number + '"'));
}

TEST_CASE("concurrency: the death of the process fails all that it was working on",
          "[concurrency]") {
  LocalApi api(arguments({"--concurrency", "2"}));
  auto hanging = std::async(std::launch::async, [&] { return api.invoke(R"({"do":"hang"})"); });
  REQUIRE(api.wait_for_log("START RequestId"));
  CHECK(error_of(api.invoke(R"({"do":"exit","status":3})")).at("errorType") == "Runtime.ExitError");
  CHECK(error_of(hanging.get()).at("errorType") == "Runtime.ExitError");
  CHECK(result_of(api.invoke(R"({"do":"compute"})")) == 42);
}

TEST_CASE("deadline: a long compute is stopped before it and the next call is served",
          "[deadline]") {
  // The first call starts the worker, whose start mustn't be what the deadline measures.
  LocalApi api(arguments({"--timeout", "1"}));
  CHECK(result_of(api.invoke(R"({"do":"compute"})")) == 42);
  const pid_t before = result_of(api.invoke(R"({"do":"pid"})")).get<pid_t>();
  const json failure = error_of(api.invoke(R"({"do":"compute until stopped"})"));
  CHECK(failure.at("errorType") == "Function.DeadlineExceeded");
  CHECK_THAT(failure.at("errorMessage").get<std::string>(),
             Catch::Contains("stopped 200 ms before its deadline"));
  CHECK(result_of(api.invoke(R"({"do":"compute"})")) == 42);
  CHECK(result_of(api.invoke(R"({"do":"pid"})")) == before);
}

TEST_CASE("deadline: what a handler awaits is cancelled", "[deadline]") {
  LocalApi api(arguments({"--timeout", "0.4"}));
  const json failure = error_of(api.invoke(R"({"do":"hang"})"));
  CHECK(failure.at("errorType") == "Function.DeadlineExceeded");
  // A quarter of the whole time at most.
  CHECK_THAT(failure.at("errorMessage").get<std::string>(),
             Catch::Contains("stopped 9") || Catch::Contains("stopped 100 ms"));
  CHECK(result_of(api.invoke(R"({"do":"compute"})")) == 42);
}

TEST_CASE("deadline: a margin that is no number is an init error", "[deadline]") {
  LocalApi api(arguments({"--env", "LAMBDA_DEADLINE_MARGIN_MS=x"}));
  CHECK_THAT(error_of(api.invoke("{}")).at("errorMessage").get<std::string>(),
             Catch::Contains("LAMBDA_DEADLINE_MARGIN_MS must be a whole number from 0 to 60000"));
}

TEST_CASE("stream: the bytes arrive with their type", "[stream]") {
  LocalApi api(arguments({}, "stream"));
  const HttpResponse response = api.invoke(R"({"parts":["one ",2000000," three"]})");
  CHECK(response.status == 200);
  CHECK(response.headers.get("Content-Type") == "application/octet-stream");
  const bool whole = response.body == "one " + std::string(2'000'000, 'x') + " three";
  CHECK(whole);
  CHECK(api.invoke(R"({"parts":[]})").body.empty());
}

TEST_CASE("stream: larger than a whole reply may be", "[stream]") {
  LocalApi api(arguments({}, "stream"));
  CHECK(api.invoke(R"({"parts":[20000000]})").body.size() == 20'000'000);
}

TEST_CASE("stream: the prelude of an HTTP integration", "[stream]") {
  LocalApi api(arguments({}, "stream"));
  const HttpResponse response = api.invoke(R"({"status":201,"parts":["body"]})");
  CHECK(response.headers.get("Content-Type") ==
        "application/vnd.awslambda.http-integration-response");
  const std::string nul(8, '\0');
  const auto end = response.body.find(nul);
  REQUIRE(end != std::string::npos);
  CHECK(json::parse(response.body.substr(0, end)) ==
        json::parse(R"({"statusCode":201,"headers":{"X-From":"function"},
                        "cookies":["a=1","b=2"]})"));
  CHECK(response.body.substr(end + 8) == "body");
}

TEST_CASE("stream: an error before the first byte is an ordinary one", "[stream]") {
  LocalApi api(arguments({}, "stream"));
  CHECK(error_of(api.invoke(R"({"fail":"before","status":200,"parts":[]})")).at("errorType") ==
        "Function.AsToldTo");
  CHECK(error_of(api.invoke("{")).at("errorType") == "Runtime.UnmarshalError");
  CHECK(api.invoke(R"({"parts":["next"]})").body == "next");
}

TEST_CASE("stream: a later error cuts the reply short and is in the log", "[stream]") {
  LocalApi api(arguments({}, "stream"));
  CHECK_THROWS_AS(api.invoke(R"({"fail":"after","parts":["some"]})"), std::system_error);
  CHECK(api.wait_for_log("Function.AsToldTo after the reply had begun: \"after\""));
  CHECK(api.wait_for_log("\tStatus: error"));
  CHECK(api.invoke(R"({"parts":["next"]})").body == "next");
}

TEST_CASE("stop: with an extension the process is warned, and ends with 0", "[stop]") {
  LocalApi api(arguments({}, "graceful"));
  CHECK(result_of(api.invoke(R"({"do":"compute"})")) == 42);
  api.signal(SIGTERM);
  CHECK(api.wait() == "exit status 0");
  CHECK(api.wait_until_all_ended());
  CHECK(api.wait_for_log("callback has run"));
  CHECK(api.wait_for_log("bootstrap has ended (exit status 0)"));
}

TEST_CASE("stop: without one it is killed", "[stop]") {
  LocalApi api(arguments({}));
  CHECK(result_of(api.invoke(R"({"do":"compute"})")) == 42);
  api.signal(SIGTERM);
  CHECK(api.wait() == "exit status 0");
  CHECK(api.wait_for_log("bootstrap has ended (signal: killed)"));
}

TEST_CASE("stop: the running invocation is told first and cancelled then", "[stop]") {
  const auto [command, line] = GENERATE(table<std::string, std::string>({
      {"wait for stop token", "\"status\":\"success\""},
      {"compute until stopped", "Function.ProcessStopped"},
      {"hang", "Function.ProcessStopped"},
  }));
  LocalApi api(arguments({}, "graceful"));
  auto call = std::async(std::launch::async, [&, command = command] {
    try {
      return api.invoke(json{{"do", command}}.dump()).status;
    } catch (const std::system_error&) {
      return 0;  // the server may have gone before it had sent the reply on
    }
  });
  REQUIRE(api.wait_for_log("START RequestId"));
  api.signal(SIGTERM);
  CHECK(api.wait() == "exit status 0");
  CHECK(api.wait_until_all_ended());
  CHECK(api.wait_for_log(line));
  CHECK(api.wait_for_log("callback has run"));
  CHECK(api.wait_for_log("bootstrap has ended (exit status 0)"));
  call.get();
}

TEST_CASE("stop: what can't be stopped is abandoned in time", "[stop]") {
  LocalApi api(arguments({}, "graceful"));
  auto call = std::async(std::launch::async, [&] {
    try {
      return api.invoke(R"({"do":"compute for ever"})").status;
    } catch (const std::system_error&) {
      return 0;
    }
  });
  REQUIRE(api.wait_for_log("START RequestId"));
  api.signal(SIGTERM);
  CHECK(api.wait() == "exit status 0");
  CHECK(api.wait_for_log("callback has run"));
  CHECK(api.wait_for_log("bootstrap has ended (exit status 0)"));
  call.get();
}

TEST_CASE("log: neither event nor reply nor message ever shows up", "[log]") {
  const std::string level = GENERATE("TRACE", "INFO");
  const std::string format = GENERATE("JSON", "Text");
  LocalApi api(arguments(
      {"--env", "AWS_LAMBDA_LOG_LEVEL=" + level, "--env", "AWS_LAMBDA_LOG_FORMAT=" + format}));
  const std::string canary = "hunter2";
  for (const std::string command : {"echo", "throw with text", "no utf-8", "throw on the side"}) {
    static_cast<void>(api.invoke(json{{"do", command}, {"text", canary}}.dump()));
  }
  static_cast<void>(api.invoke(canary));
  static_cast<void>(api.invoke("{\"do\":\"" + canary));
  static_cast<void>(api.invoke("[\"" + canary + "\",\xFF]"));
  REQUIRE(api.wait_for_log("END RequestId", 7));
  static_cast<void>(api.invoke("{}"));
  CHECK(api.wait_for_log(format == "JSON" ? "\"message\":\"invocation\"" : "INFO invocation", 7));
  CHECK_THAT(api.log(), !Catch::Contains(canary));
}

TEST_CASE("report: one line per invocation says how it went", "[report]") {
  LocalApi api(arguments({}));
  const std::string event = R"({"do":"compute"})";
  const HttpResponse first = api.invoke(event);
  CHECK(result_of(api.invoke(R"({"do":"report"})")).is_null());
  error_of(api.invoke(R"({"do":"throw"})"));
  const auto lines = lines_of(api, "invocation", 3);
  const json& one = lines[0];
  CHECK(one.at("requestId") == first.headers.get("X-Amzn-RequestId"));
  CHECK(one.at("status") == "success");
  CHECK(one.at("invocation") == 1);
  CHECK(one.at("bytesIn") == event.size());
  CHECK(one.at("bytesOut") == 2);
  CHECK(one.at("durationMs") > 0);
  CHECK(one.at("initDurationMs") > 0);
  CHECK(one.at("maxRssKb") > 1000);
  CHECK(one.at("pool").at("submitted") == 1);
  CHECK(one.at("pool").at("completed") == 1);
  CHECK(one.at("pool").at("failed") == 0);
  CHECK(one.at("pool").at("active") == 0);
  CHECK(one.at("pool").at("pending") == 0);
  CHECK(one.at("pool").at("runTimeP99Ms") >= 0);

  const json& two = lines[1];
  CHECK(two.at("invocation") == 2);
  CHECK_FALSE(two.contains("initDurationMs"));
  CHECK(two.at("items") == 1000);
  CHECK(two.at("itemsPerSecond") > 0);
  CHECK(two.at("status") == "success");  // the handler's own doesn't replace it
  CHECK(two.at("pool").at("submitted") == 0);

  CHECK(lines[2].at("status") == "error");
  CHECK(lines[2].at("errorType") == "Function.AsToldTo");
  CHECK_FALSE(lines[2].contains("errorMessage"));
}

TEST_CASE("hello: the functions of the manual", "[hello]") {
  LocalApi hello({"--", HELLO_BOOTSTRAP});
  CHECK(result_of(hello.invoke(R"({"name":"you"})")) == json{{"text", "hello, you"}});
  CHECK(result_of(hello.invoke("{}")) == json{{"text", "hello, world"}});

  LocalApi streaming({"--", HELLO_STREAMING_BOOTSTRAP});
  const HttpResponse response = streaming.invoke(R"({"count":4})");
  CHECK(response.body == "1\n4\n9\n16\n");
  CHECK(response.headers.get("Content-Type") == "text/plain");
  streaming.signal(SIGTERM);
  CHECK(streaming.wait() == "exit status 0");
  CHECK(streaming.wait_for_log("goodbye"));
}
