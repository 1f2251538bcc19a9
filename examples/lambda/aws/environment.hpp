/// The environment, replaceable by tests.
#pragma once

#include <functional>
#include <string>

namespace lambda::aws {

/// Like std::getenv: null for what isn't set.
using Environment = std::function<const char*(const char*)>;

/// Empty for what isn't set: Lambda's console can't unset a variable, only empty it.
[[nodiscard]] inline std::string value_of(const Environment& environment, const char* variable) {
  const char* const value = environment(variable);
  return value == nullptr ? "" : value;
}

}  // namespace lambda::aws
