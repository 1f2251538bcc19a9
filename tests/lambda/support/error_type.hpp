#pragma once

#include <algorithm>
#include <string_view>

namespace lambda::testing {

/// Whether the Runtime API takes it: `(Runtime|Function)\.[A-Z][a-zA-Z]+`.
inline bool is_error_type(std::string_view type) {
  const auto dot = type.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view origin = type.substr(0, dot);
  const std::string_view name = type.substr(dot + 1);
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto letter = [&](char c) { return upper(c) || (c >= 'a' && c <= 'z'); };
  return (origin == "Runtime" || origin == "Function") && name.size() >= 2 && upper(name[0]) &&
         std::all_of(name.begin(), name.end(), letter);
}

}  // namespace lambda::testing
