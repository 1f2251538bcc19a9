#include "aws/dates.hpp"

#include <time.h>

#include <array>
#include <cctype>

namespace lambda::aws {
namespace {

// What follows the part of `text` that `format` describes; nothing if it doesn't fit.
struct Parsed {
  TimePoint time;
  std::string_view rest;
};

std::optional<Parsed> parse(std::string_view text, const char* format) {
  const std::string copy{text};
  struct tm fields{};
  const char* end = ::strptime(copy.c_str(), format, &fields);
  // The clock counts nanoseconds, of which 2^63 end in the year 2262; none of AWS's dates is before
  // its time.
  constexpr int base_year = 1900;
  const int year = fields.tm_year + base_year;
  if (end == nullptr || year < 1970 || year > 2261) return std::nullopt;
  const auto used = static_cast<std::size_t>(end - copy.c_str());
  return Parsed{std::chrono::system_clock::from_time_t(::timegm(&fields)), text.substr(used)};
}

}  // namespace

std::string amz_date(TimePoint time) {
  const auto seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  struct tm fields{};
  ::gmtime_r(&seconds, &fields);
  std::array<char, 32> text{};
  const auto size = ::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &fields);
  return {text.data(), size};
}

std::optional<TimePoint> parse_http_date(std::string_view text) {
  const auto parsed = parse(text, "%a, %d %b %Y %H:%M:%S GMT");
  if (!parsed || !parsed->rest.empty()) return std::nullopt;
  return parsed->time;
}

std::optional<TimePoint> parse_iso_date(std::string_view text) {
  auto parsed = parse(text, "%Y-%m-%dT%H:%M:%S");
  if (!parsed) return std::nullopt;
  std::string_view& rest = parsed->rest;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest.front())) != 0) {
      rest.remove_prefix(1);
    }
  }
  if (rest != "Z") return std::nullopt;
  return parsed->time;
}

}  // namespace lambda::aws
