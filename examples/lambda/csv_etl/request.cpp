#include "csv_etl/request.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include "csv_etl/utf8.hpp"
#include "runtime/error.hpp"

namespace lambda::csv_etl {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw HandlerError{"InvalidEvent", message};
}

std::string show(const nlohmann::json& value) {
  using Json = nlohmann::json;
  return printable_excerpt(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string percent_decoded(std::string_view text, const std::string& name) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned char byte = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
      refuse(name + " holds a % that two hexadecimal digits don't follow");
    }
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

// `name` is what the caller knows the location by: a field of the event or a variable.
std::string local_path(std::string_view location, const std::string& name) {
  constexpr std::string_view file_scheme = "file://";
  std::string path{location};
  if (location.starts_with(file_scheme)) {
    location.remove_prefix(file_scheme.size());
    if (location.starts_with("localhost/")) location.remove_prefix(location.find('/'));
    if (!location.starts_with('/')) {
      refuse(name + " must be an absolute file URL such as file:///tmp/records.csv");
    }
    path = percent_decoded(location, name);
  } else if (const auto scheme = location.substr(0, location.find("://"));
             scheme.size() < location.size() && !scheme.empty() &&
             std::all_of(scheme.begin(), scheme.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
             })) {
    refuse(name + " must be a path or a file:// URL; " + printable_excerpt(scheme) +
           ":// isn't supported");
  }
  if (path.empty()) refuse(name + " is empty");
  if (path.find('\0') != std::string::npos) refuse(name + " holds a NUL byte");
  return path;
}

std::string location(const Event& event, const char* field, const char* variable,
                     const Environment& environment) {
  if (const auto given = event.find(field); given != event.end()) {
    if (!given->is_string()) {
      refuse('"' + std::string{field} + "\" must be a string, not " + show(*given));
    }
    return local_path(given->get_ref<const std::string&>(), '"' + std::string{field} + '"');
  }
  const char* const value = environment(variable);
  // Lambda's console can't unset a variable, only empty it.
  if (value == nullptr || *value == '\0') {
    refuse("no " + std::string{field} + ": give \"" + field + "\" in the event or set " + variable);
  }
  return local_path(value, variable);
}

OnBadRow on_bad_row(const Event& event) {
  const auto given = event.find("on_bad_row");
  if (given == event.end() || *given == "skip") return OnBadRow::skip;
  if (*given == "fail") return OnBadRow::fail;
  refuse("\"on_bad_row\" must be \"skip\" or \"fail\", not " + show(*given));
}

}  // namespace

Request parse_request(const Event& event, const Environment& environment) {
  if (!event.is_object()) refuse("the event must be a JSON object, not " + show(event));
  constexpr std::array<std::string_view, 3> fields{"input", "output", "on_bad_row"};
  for (const auto& [name, value] : event.items()) {
    // A misspelt field would otherwise quietly mean its default.
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) {
      refuse("unknown field \"" + printable_excerpt(name) +
             "\" in the event; it may have input, output and on_bad_row");
    }
  }
  return {location(event, "input", "CSV_ETL_INPUT", environment),
          location(event, "output", "CSV_ETL_OUTPUT", environment), on_bad_row(event)};
}

}  // namespace lambda::csv_etl
