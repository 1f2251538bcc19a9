#include "log.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace lambda {
namespace {

constexpr std::array<std::string_view, 6> level_names = {"TRACE", "DEBUG", "INFO",
                                                         "WARN",  "ERROR", "FATAL"};

std::string upper(const char* text) {
  std::string result = text == nullptr ? "" : text;
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

std::string iso_time(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto since_epoch = duration_cast<milliseconds>(time.time_since_epoch());
  const std::time_t seconds = static_cast<std::time_t>(since_epoch.count() / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 40> buffer{};
  const std::size_t length = std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ",
                static_cast<int>(since_epoch.count() % 1000));
  return std::string(buffer.data(), length) + fraction.data();
}

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A newline in a message would make two log records of one.
std::string one_line(std::string_view text) {
  std::string line{text};
  std::replace_if(line.begin(), line.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return line;
}

const LogConfig& log_config() {
  static const LogConfig config = LogConfig::from_env();
  return config;
}

}  // namespace

LogConfig LogConfig::from_env() {
  LogConfig config;
  const std::string level = upper(std::getenv("AWS_LAMBDA_LOG_LEVEL"));
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level == level_names[i]) config.level = static_cast<LogLevel>(i);
  }
  if (upper(std::getenv("AWS_LAMBDA_LOG_FORMAT")) == "TEXT") config.format = LogFormat::text;
  return config;
}

std::string format_log_line(LogFormat format, LogLevel level, std::string_view message,
                            const nlohmann::json& fields,
                            std::chrono::system_clock::time_point time) {
  const std::string_view name = level_names[static_cast<std::size_t>(level)];
  if (format == LogFormat::json) {
    // In this order people find the message; nlohmann's ordered_json keeps it.
    nlohmann::ordered_json line = {
        {"timestamp", iso_time(time)}, {"level", name}, {"message", message}};
    if (fields.is_object()) {
      for (const auto& [key, value] : fields.items()) line.emplace(key, value);
    }
    return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  std::string line = iso_time(time);
  line += ' ';
  line += name;
  line += ' ';
  line += one_line(message);
  if (fields.is_object()) {
    for (const auto& [key, value] : fields.items()) line += " " + one_line(key) + "=" + dump(value);
  }
  return line + "\n";
}

bool log_enabled(LogLevel level) {
  return level >= log_config().level;
}

void log(LogLevel level, std::string_view message, const nlohmann::json& fields) {
  if (!log_enabled(level)) return;
  const std::string line = format_log_line(log_config().format, level, message, fields,
                                           std::chrono::system_clock::now());
  std::size_t written = 0;
  while (written < line.size()) {
    // One call takes the whole line unless a signal or a full pipe cuts it short.
    const ssize_t n = ::write(STDERR_FILENO, line.data() + written, line.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    written += static_cast<std::size_t>(n);
  }
}

}  // namespace lambda
