/// JSON from outside: the one place where text that others wrote becomes a value.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lambda::text {

struct JsonLimits {
  /// A value takes up to some twenty times the memory of its text.
  std::size_t max_bytes;
  /// Of objects and arrays within each other: copying and printing a value recurses.
  std::size_t max_depth;
};

struct JsonText {
  nlohmann::json value;  ///< Discarded, which is of no type, if there is a flaw.
  std::string flaw;      ///< What follows "the body " in a message of one line; empty if none.
};

/// Reads one value, and refuses what is larger or deeper than the limits, isn't JSON in valid
/// UTF-8, or holds a NUL byte, after which the parser would take anything.
///
/// **Thread safety**: any thread. Needs no stack for nested values.
[[nodiscard]] JsonText read_json(std::string_view text, const JsonLimits& limits);

}  // namespace lambda::text
