#include "local/options.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "support/catch.hpp"

using lambda::local::bootstrap_environment;
using lambda::local::parse_options;
using std::chrono::milliseconds;

namespace {

bool has(const std::vector<std::string>& entries, const std::string& entry) {
  return std::find(entries.begin(), entries.end(), entry) != entries.end();
}

}  // namespace

TEST_CASE("options: all of them", "[options]") {
  const auto options =
      parse_options({"--port", "0", "--timeout", "2.5", "--init-timeout", "1", "--concurrency", "4",
                     "--env", "A=1", "--env", "B=x=y", "--", "./bootstrap", "--port", "x"});
  CHECK(options.port == 0);
  CHECK(options.timeout == milliseconds(2500));
  CHECK(options.init_timeout == milliseconds(1000));
  CHECK(options.concurrency == 4);
  CHECK(options.env == std::vector<std::string>{"A=1", "B=x=y"});
  CHECK(options.command == std::vector<std::string>{"./bootstrap", "--port", "x"});
}

TEST_CASE("options: none of them", "[options]") {
  const auto options = parse_options({});
  CHECK(options.port == 9001);
  CHECK(options.timeout == milliseconds(300'000));
  CHECK(options.concurrency == 1);
  CHECK(options.command.empty());
}

TEST_CASE("options: mistakes are named", "[options]") {
  const auto [arguments, message] = GENERATE(table<std::vector<std::string>, std::string>({
      {{"--prot", "1"}, "unknown argument --prot"},
      {{"./bootstrap"}, "unknown argument ./bootstrap"},
      {{"--port"}, "--port wants a value"},
      {{"--port", "65536"}, "--port wants a number from 0 to 65535, not \"65536\""},
      {{"--port", "9001x"}, "not \"9001x\""},
      {{"--timeout", "0"}, "--timeout wants a number"},
      {{"--timeout", "nan"}, "not \"nan\""},
      {{"--timeout", ""}, "not \"\""},
      {{"--concurrency", "0"}, "--concurrency wants a number from 1 to 1000, not \"0\""},
      {{"--env", "A"}, "--env wants KEY=VALUE"},
      {{"--env", "=A"}, "--env wants KEY=VALUE"},
      {{"--"}, "no program after --"},
  }));
  CHECK_THROWS_WITH(parse_options(arguments), Catch::Contains(message));
}

TEST_CASE("options: bootstrap's environment is Lambda's", "[options]") {
  ::setenv("AWS_REGION", "eu-west-1", 1);
  ::setenv("AWS_LAMBDA_RUNTIME_API", "elsewhere:1", 1);
  ::setenv("_X_AMZN_TRACE_ID", "old", 1);
  const auto env =
      bootstrap_environment("127.0.0.1:9", "/opt/fn/./bootstrap", {"EXTRA=1", "TZ=:CET"});
  ::unsetenv("AWS_REGION");
  ::unsetenv("AWS_LAMBDA_RUNTIME_API");
  ::unsetenv("_X_AMZN_TRACE_ID");
  CHECK(has(env, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9"));
  CHECK(has(env, "AWS_LAMBDA_FUNCTION_NAME=function"));
  CHECK(has(env, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST"));
  CHECK(has(env, "LAMBDA_TASK_ROOT=/opt/fn"));
  CHECK(has(env, "AWS_REGION=eu-west-1"));
  CHECK(has(env, "AWS_DEFAULT_REGION=us-east-1"));
  CHECK(has(env, "EXTRA=1"));
  CHECK(has(env, "TZ=:CET"));
  CHECK(std::none_of(env.begin(), env.end(), [](const std::string& entry) {
    return entry.starts_with("_X_AMZN_TRACE_ID=");
  }));
}

TEST_CASE("options: bootstrap is told of concurrency, and only then", "[options]") {
  CHECK(has(bootstrap_environment("a:1", "/x", {}, 4), "AWS_LAMBDA_MAX_CONCURRENCY=4"));
  ::setenv("AWS_LAMBDA_MAX_CONCURRENCY", "9", 1);
  const auto env = bootstrap_environment("a:1", "/x", {}, 1);
  ::unsetenv("AWS_LAMBDA_MAX_CONCURRENCY");
  CHECK_FALSE(has(env, "AWS_LAMBDA_MAX_CONCURRENCY=9"));
}
