#include "event/fields.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "io/error.hpp"
#include "io/location.hpp"
#include "runtime/error.hpp"
#include "text/utf8.hpp"

namespace lambda::event {
namespace {

std::string in_quotes(std::string_view text) {
  return '"' + std::string{text} + '"';
}

// a, b and c
std::string list(std::initializer_list<std::string_view> words, std::string_view last_link,
                 bool with_quotes) {
  std::string text;
  std::size_t i = 0;
  for (const auto word : words) {
    if (i > 0) text += i + 1 == words.size() ? " " + std::string{last_link} + " " : ", ";
    text += with_quotes ? in_quotes(word) : std::string{word};
    ++i;
  }
  return text;
}

const nlohmann::json& required(const Event& event, std::string_view field,
                               const std::string& what) {
  const auto given = event.find(field);
  if (given == event.end()) refuse(in_quotes(field) + " is missing; it must be " + what);
  return *given;
}

std::string shortest(double value) {
  return nlohmann::json(value).dump();
}

}  // namespace

void refuse(const std::string& message) {
  throw HandlerError{"InvalidEvent", message};
}

std::string show(const nlohmann::json& value) {
  using Json = nlohmann::json;
  return text::printable_excerpt(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void allow_only(const Event& event, std::initializer_list<std::string_view> fields) {
  if (!event.is_object()) refuse("the event must be a JSON object, not " + show(event));
  for (const auto& [name, value] : event.items()) {
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) {
      refuse("unknown field " + in_quotes(text::printable_excerpt(name)) +
             " in the event; it may have " + list(fields, "and", false));
    }
  }
}

std::int64_t whole_number(const Event& event, std::string_view field, std::int64_t least,
                          std::int64_t most) {
  const std::string what =
      "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  const auto& given = required(event, field, what);
  const auto wrong = [&]() {
    refuse(in_quotes(field) + " must be " + what + ", not " + show(given));
  };
  if (!given.is_number()) wrong();
  // As a double first: an unsigned number beyond 2^63 would wrap around as an int64, and every
  // bound that a field has is far below 2^53.
  const auto value = given.get<double>();
  if (!(value >= static_cast<double>(least) && value <= static_cast<double>(most)) ||
      value != std::floor(value)) {
    wrong();
  }
  return static_cast<std::int64_t>(value);
}

double number(const Event& event, std::string_view field, double least, double most,
              double fallback) {
  const auto given = event.find(field);
  if (given == event.end()) return fallback;
  // Written so that NaN is refused as well, though JSON text can't hold one.
  if (given->is_number() && given->get<double>() >= least && given->get<double>() <= most) {
    return given->get<double>();
  }
  refuse(in_quotes(field) + " must be a number from " + shortest(least) + " to " + shortest(most) +
         ", not " + show(*given));
}

std::size_t choice(const Event& event, std::string_view field,
                   std::initializer_list<std::string_view> choices) {
  const std::string what = list(choices, "or", true);
  const auto& given = required(event, field, what);
  if (given.is_string()) {
    const auto* const found =
        std::find(choices.begin(), choices.end(), given.get_ref<const std::string&>());
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  }
  refuse(in_quotes(field) + " must be " + what + ", not " + show(given));
}

std::size_t choice(const Event& event, std::string_view field,
                   std::initializer_list<std::string_view> choices, std::size_t fallback) {
  return event.contains(field) ? choice(event, field, choices) : fallback;
}

std::string location(const Event& event, std::string_view field,
                     std::initializer_list<std::string_view> schemes, const char* variable,
                     const Environment& environment) {
  try {
    if (const auto given = event.find(field); given != event.end()) {
      if (!given->is_string()) {
        refuse(in_quotes(field) + " must be a string, not " + show(*given));
      }
      return io::parse_location(given->get_ref<const std::string&>(), in_quotes(field), schemes);
    }
    const char* const value = environment(variable);
    // Lambda's console can't unset a variable, only empty it.
    if (value == nullptr || *value == '\0') {
      refuse("no " + std::string{field} + ": give " + in_quotes(field) + " in the event or set " +
             variable);
    }
    return io::parse_location(value, variable, schemes);
  } catch (const io::Error& error) {
    refuse(error.what());
  }
}

}  // namespace lambda::event
