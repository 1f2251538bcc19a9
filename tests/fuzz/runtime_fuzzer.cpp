// What the Runtime API and its environment say: headers, addresses, names of errors, log lines.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <regex>
#include <string>
#include <string_view>

#include "check.hpp"
#include "runtime/error.hpp"
#include "runtime/log.hpp"
#include "runtime/runtime.hpp"
#include "runtime/runtime_client.hpp"

namespace {

lambda::HttpHeaders headers_of(std::string_view text) {
  lambda::HttpHeaders headers;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto colon = std::min(line.find(':'), line.size());
    headers.add(std::string{line.substr(0, colon)},
                std::string{line.substr(std::min(line.size(), colon + 1))});
  }
  return headers;
}

void check_log(std::string_view text) {
  const nlohmann::json fields{{"requestId", text}, {std::string{text}, 1}};
  for (const auto format : {lambda::LogFormat::json, lambda::LogFormat::text}) {
    const auto line = lambda::format_log_line(format, lambda::LogLevel::info, text, fields,
                                              std::chrono::system_clock::time_point{});
    fuzz::require(line.find('\n') == line.size() - 1, "a log record is one line");
    if (format == lambda::LogFormat::json) {
      fuzz::require(nlohmann::json::accept(line), "a log line is JSON");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);

  const auto context = lambda::parse_context(headers_of(text));
  fuzz::require(context.remaining().count() >= 0, "no time is left at worst");

  try {
    const auto base = lambda::runtime_api_base(text);
    fuzz::require(base.starts_with("http") && base.ends_with("/2018-06-01"), "an address");
  } catch (const lambda::RuntimeApiError&) {
  }
  try {
    const auto workers = lambda::parse_worker_count(text);
    fuzz::require(!workers || (*workers >= 1 && *workers <= 6), "1 to 6 workers");
  } catch (const lambda::HandlerError&) {
  }

  static const std::regex error_type("(Runtime|Function)\\.[A-Z][a-zA-Z]+");
  const auto type = lambda::function_error_type(text);
  fuzz::require(type.size() > 500 || std::regex_match(type, error_type), "the API takes the type");
  fuzz::require(nlohmann::json::accept(lambda::ErrorReport{type, text}.body()), "a body is JSON");
  check_log(text);
  return 0;
}
