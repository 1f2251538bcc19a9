#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

// Configuration fields as text, whichever source it comes from. Parsers return false, and leave the
// value as it is, unless all of the text is of their form.
//
// Every file that includes Millrace reads this. So no <algorithm>, which takes a tenth of a second
// to compile, and templates where they needn't be, which cost little until they are called.
namespace millrace::detail {

template <std::integral Number>
[[nodiscard]] bool parse_number(std::string_view text, Number& value) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || next != end) return false;
  value = number;
  return true;
}

struct unit {
  std::string_view name;
  std::uint64_t size;
};

// Decimal digits and the name of a unit, nothing between them; at most `most` when multiplied.
template <std::same_as<std::uint64_t> Number>
[[nodiscard]] bool parse_with_unit(std::string_view text, std::initializer_list<unit> units,
                                   Number most, Number& value) {
  const std::size_t beyond = text.find_first_not_of("0123456789");
  const std::size_t digits = beyond < text.size() ? beyond : text.size();
  Number number = 0;
  if (!parse_number(text.substr(0, digits), number)) return false;
  for (const unit& one : units) {
    if (one.name != text.substr(digits)) continue;
    if (number > most / one.size) return false;
    value = number * one.size;
    return true;
  }
  return false;
}

inline constexpr const char* size_form = "a whole number of bytes, or one with B, KiB, MiB or GiB";

template <std::same_as<std::size_t> Size>
[[nodiscard]] bool parse_size(std::string_view text, Size& value) {
  const auto units = {unit{"", 1}, unit{"B", 1}, unit{"KiB", 1u << 10}, unit{"MiB", 1u << 20},
                      unit{"GiB", 1u << 30}};
  std::uint64_t bytes = 0;
  if (!parse_with_unit(text, units, std::uint64_t{std::numeric_limits<Size>::max()}, bytes))
    return false;
  value = static_cast<Size>(bytes);
  return true;
}

inline constexpr const char* duration_form = "0, or a whole number with ns, us, ms or s";

template <std::same_as<std::chrono::nanoseconds> Duration>
[[nodiscard]] bool parse_duration(std::string_view text, Duration& value) {
  const auto units = {unit{"ns", 1}, unit{"us", 1'000}, unit{"ms", 1'000'000},
                      unit{"s", 1'000'000'000}};
  std::uint64_t count = 0;
  const auto most = static_cast<std::uint64_t>(Duration::max().count());
  if (text != "0" && !parse_with_unit(text, units, most, count)) return false;
  value = Duration(static_cast<typename Duration::rep>(count));
  return true;
}

[[nodiscard]] inline bool parse_bool(std::string_view text, bool& value) {
  if (text != "true" && text != "false") return false;
  value = text == "true";
  return true;
}

[[nodiscard]] inline bool parse_text(std::string_view text, std::string& value) {
  value = text;
  return true;
}

template <class Enum>
struct choice {
  std::string_view name;
  Enum value;
};

template <class Enum>
[[nodiscard]] bool parse_choice(std::initializer_list<choice<std::type_identity_t<Enum>>> choices,
                                std::string_view text, Enum& value) {
  for (const auto& one : choices) {
    if (one.name != text) continue;
    value = one.value;
    return true;
  }
  return false;
}

// In one line: what can't be printed becomes a question mark.
[[nodiscard]] inline std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

// A field of a configuration, for every source: its name, what its text looks like, the text of
// its default ("" where the machine decides), and the function that reads it.
template <class Config>
struct config_field {
  std::string_view name;
  const char* form;
  std::string_view usual;
  bool (*set)(Config&, std::string_view);

  // MILLRACE_IDLE_SPIN
  [[nodiscard]] std::string variable(std::string_view prefix) const {
    std::string all = std::string(prefix) + '_';
    for (const char c : name) all += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return all;
  }

  // --idle-spin
  [[nodiscard]] std::string flag() const {
    std::string all = "--";
    for (const char c : name) all += c == '_' ? '-' : c;
    return all;
  }

  // Throws std::invalid_argument, in one line that names the source too. The value is validated in
  // a configuration of defaults, because later sources may change the others.
  void apply(Config& config, std::string_view text, const std::string& source) const {
    Config alone{.threads = 1};
    if (!set(alone, text)) {
      throw std::invalid_argument(printable("millrace::ComputeConfig: " + std::string(name) +
                                            " is \"" + std::string(text) + "\", must be " + form +
                                            " (" + source + ')'));
    }
    try {
      alone.validate();
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(printable(std::string(error.what()) + " (" + source + ')'));
    }
    static_cast<void>(set(config, text));
  }
};

}  // namespace millrace::detail
