/// Reading an event's fields: what is missing, misspelt or of the wrong kind is refused in one line
/// that names the field, the value and what would be right.
///
/// Every function here throws `HandlerError("InvalidEvent", ...)` and is safe on any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "runtime/context.hpp"

namespace lambda::event {

/// Like std::getenv: null for what isn't set.
using Environment = std::function<const char*(const char*)>;

[[noreturn]] void refuse(const std::string& message);

/// A value for a message: its JSON, cut to an excerpt.
[[nodiscard]] std::string show(const nlohmann::json& value);

/// The event must be an object with no other fields: a misspelt one would quietly mean its default.
void allow_only(const Event& event, std::initializer_list<std::string_view> fields);

/// A whole number from `least` to `most`. `2.0` is one too: JSON doesn't tell it from `2`.
[[nodiscard]] std::int64_t whole_number(const Event& event, std::string_view field,
                                        std::int64_t least, std::int64_t most);

/// A finite number from `least` to `most`; `fallback` if the field is missing.
[[nodiscard]] double number(const Event& event, std::string_view field, double least, double most,
                            double fallback);

/// The index in `choices` of the field's text.
[[nodiscard]] std::size_t choice(const Event& event, std::string_view field,
                                 std::initializer_list<std::string_view> choices);

/// As `choice`, with `fallback` if the field is missing.
[[nodiscard]] std::size_t choice(const Event& event, std::string_view field,
                                 std::initializer_list<std::string_view> choices,
                                 std::size_t fallback);

/// A location (see `io::parse_location`), from the field or, if it is missing, from the variable.
/// `schemes` are those that are taken besides paths and `file://` URLs, e.g. `{"s3"}`.
[[nodiscard]] std::string location(const Event& event, std::string_view field,
                                   std::initializer_list<std::string_view> schemes,
                                   const char* variable, const Environment& environment);

}  // namespace lambda::event
