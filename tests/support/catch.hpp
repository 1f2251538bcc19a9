#pragma once

// Never co_await inside an assertion: Catch2 names its argument twice, and g++ 12 evaluates an
// await expression even where the other one isn't evaluated.

// Catch2 as Debian 12 has it (2.13, one header) or as upstream has it (3, many).
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>

#include <string>
#include <utility>

// By the names that Catch2 2 has for them.
using Catch::Approx;
namespace Catch {
using Matchers::EndsWith;
using Matchers::StartsWith;
inline auto Contains(std::string part) {
  return Matchers::ContainsSubstring(std::move(part));
}
}  // namespace Catch
#else
#include <catch2/catch.hpp>
#endif
