#include "runtime/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using lambda::format_log_line;
using lambda::LogConfig;
using lambda::LogFormat;
using lambda::LogLevel;
using nlohmann::json;

namespace {

const std::chrono::system_clock::time_point a_time{std::chrono::milliseconds(1'700'000'000'007)};

/// Sets an environment variable for as long as it lives.
class EnvGuard {
 public:
  EnvGuard(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value, 1);
  }
  ~EnvGuard() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  EnvGuard(const EnvGuard&) = delete;
  EnvGuard& operator=(const EnvGuard&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

LogConfig config_with(const char* level, const char* format) {
  const EnvGuard level_guard("AWS_LAMBDA_LOG_LEVEL", level);
  const EnvGuard format_guard("AWS_LAMBDA_LOG_FORMAT", format);
  return LogConfig::from_env();
}

}  // namespace

TEST_CASE("log: a JSON line has time, level, message and the fields", "[log]") {
  const std::string line = format_log_line(LogFormat::json, LogLevel::warn, "slow",
                                           {{"requestId", "r-1"}, {"ms", 7}}, a_time);
  CHECK(
      line ==
      R"({"timestamp":"2023-11-14T22:13:20.007Z","level":"WARN","message":"slow","ms":7,"requestId":"r-1"})"
      "\n");
}

TEST_CASE("log: a text line has the same", "[log]") {
  CHECK(format_log_line(LogFormat::text, LogLevel::info, "done", {{"requestId", "r-1"}}, a_time) ==
        "2023-11-14T22:13:20.007Z INFO done requestId=\"r-1\"\n");
}

TEST_CASE("log: a line stays one line of valid UTF-8", "[log]") {
  const auto format = GENERATE(LogFormat::json, LogFormat::text);
  const std::string line =
      format_log_line(format, LogLevel::error, "two\nlines", {{"te\nxt", "a\nb\xFF"}}, a_time);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  CHECK(line.back() == '\n');
  if (format == LogFormat::json) {
    CHECK(json::parse(line)["message"] == "two\nlines");
  }
}

TEST_CASE("log: level and format come from the environment", "[log]") {
  CHECK(config_with("WARN", "JSON").level == LogLevel::warn);
  CHECK(config_with("debug", "JSON").level == LogLevel::debug);
  CHECK(config_with("", "").level == LogLevel::info);
  CHECK(config_with("LOUD", "").level == LogLevel::info);
  CHECK(config_with("", "Text").format == LogFormat::text);
  CHECK(config_with("", "JSON").format == LogFormat::json);
  CHECK(config_with("", "").format == LogFormat::json);
}

TEST_CASE("log: lines of several threads don't mix", "[log]") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const int saved = ::dup(STDERR_FILENO);
  REQUIRE(::dup2(ends[1], STDERR_FILENO) >= 0);
  std::string text;
  std::thread reader([&] {
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(n));
    }
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < 3; ++t) {
    writers.emplace_back([t] {
      // FATAL passes whatever level the test was started with.
      for (int i = 0; i < 100; ++i) {
        lambda::log(LogLevel::fatal, std::string(300, static_cast<char>('a' + t)));
      }
    });
  }
  for (auto& writer : writers) writer.join();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);

  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto message = json::parse(line)["message"].get<std::string>();
    CHECK(message == std::string(300, message.front()));
  }
  CHECK(count == 300);
}
