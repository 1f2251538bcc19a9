#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

// Configuration fields as text, whichever source it comes from. Parsers return false, and leave the
// value as it is, unless all of the text is of their form.
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
[[nodiscard]] inline bool parse_with_unit(std::string_view text, std::span<const unit> units,
                                          std::uint64_t most, std::uint64_t& value) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::uint64_t number = 0;
  if (!parse_number(text.substr(0, digits), number)) return false;
  const std::string_view name = text.substr(digits);
  const auto found =
      std::find_if(units.begin(), units.end(), [&](const unit& one) { return one.name == name; });
  if (found == units.end() || number > most / found->size) return false;
  value = number * found->size;
  return true;
}

inline constexpr const char* size_form = "a whole number of bytes, or one with B, KiB, MiB or GiB";

[[nodiscard]] inline bool parse_size(std::string_view text, std::size_t& value) {
  static constexpr unit units[] = {
      {"", 1}, {"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
  std::uint64_t bytes = 0;
  if (!parse_with_unit(text, units, std::numeric_limits<std::size_t>::max(), bytes)) return false;
  value = static_cast<std::size_t>(bytes);
  return true;
}

inline constexpr const char* duration_form = "0, or a whole number with ns, us, ms or s";

[[nodiscard]] inline bool parse_duration(std::string_view text, std::chrono::nanoseconds& value) {
  static constexpr unit units[] = {
      {"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}};
  std::uint64_t count = 0;
  const auto most = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
  if (text != "0" && !parse_with_unit(text, units, most, count)) return false;
  value = std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(count));
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
    std::string all = "--" + std::string(name);
    std::replace(all.begin(), all.end(), '_', '-');
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

// Insertions, deletions and replacements that make one of the other.
[[nodiscard]] inline std::size_t edits(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t replaced = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// What an unknown name was meant to be: "did you mean ..?", or all that there are.
[[nodiscard]] inline std::string suggestion(std::string_view wrong,
                                            const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  std::size_t least = wrong.size() / 3 + 1;  // more than that is another word
  for (const std::string& name : names) {
    const std::size_t distance = edits(wrong, name);
    if (distance > least || (nearest != nullptr && distance == least)) continue;
    nearest = &name;
    least = distance;
  }
  if (nearest != nullptr) return "did you mean " + *nearest + '?';
  std::string all = "must be one of ";
  for (const std::string& name : names) all += (&name == &names.front() ? "" : ", ") + name;
  return all;
}

}  // namespace millrace::detail
