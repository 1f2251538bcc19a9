#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lambda {

enum class LogLevel { trace, debug, info, warn, error, fatal };
enum class LogFormat { json, text };

/// `AWS_LAMBDA_LOG_LEVEL` (`TRACE` .. `FATAL`, any case) and `AWS_LAMBDA_LOG_FORMAT` (`JSON` or
/// `Text`); what is unset, empty or unknown is `INFO` and JSON.
struct LogConfig {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::json;

  [[nodiscard]] static LogConfig from_env();
};

/// One line, newline included, whatever bytes are in `message` and `fields`: control characters
/// are escaped and bytes that aren't UTF-8 are replaced, so that a line stays one line.
[[nodiscard]] std::string format_log_line(LogFormat format, LogLevel level,
                                          std::string_view message, const nlohmann::json& fields,
                                          std::chrono::system_clock::time_point time);

/// Writes one structured line to stderr, if the level is on.
///
/// `fields` is an object, e.g. `log_info("loaded", {{"requestId", id}, {"rows", rows}})`; Lambda's
/// own name for the request id is `requestId`. Never log an event or a reply: they are the user's
/// data.
///
/// **Runs on**: the calling thread. **Completes**: after one `write(2)` of the whole line; failures
/// are ignored, a log must not take the function down. **Thread safety**: any thread; lines don't
/// mix. The environment is read at the first line.
void log(LogLevel level, std::string_view message, const nlohmann::json& fields = {});

/// Whether `log` would write lines of this level; for those that are dear to make.
[[nodiscard]] bool log_enabled(LogLevel level);

inline void log_debug(std::string_view message, const nlohmann::json& fields = {}) {
  log(LogLevel::debug, message, fields);
}
inline void log_info(std::string_view message, const nlohmann::json& fields = {}) {
  log(LogLevel::info, message, fields);
}
inline void log_warn(std::string_view message, const nlohmann::json& fields = {}) {
  log(LogLevel::warn, message, fields);
}
inline void log_error(std::string_view message, const nlohmann::json& fields = {}) {
  log(LogLevel::error, message, fields);
}

}  // namespace lambda
