#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::detail {

// With three digits that count, in the unit that has them before the point: "1.23 us", "45.6 ms".
[[nodiscard]] inline std::string time_text(std::chrono::nanoseconds time) {
  auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
  std::uint64_t step = 1;
  while (value / step >= 1000) step *= 10;
  value = (value + step / 2) / step * step;
  constexpr std::array<const char*, 4> names{" ns", " us", " ms", " s"};
  std::size_t name = 0;
  std::uint64_t unit = 1;
  for (; name + 1 < names.size() && value / unit >= 1000; ++name) unit *= 1000;
  std::string text = std::to_string(value / unit);
  if (unit > 1 && text.size() < 3) {
    std::string digits = std::to_string(unit + value % unit).substr(1);  // all of them
    digits.resize(3 - text.size());
    text += '.' + digits;
  }
  return text + names[name];
}

}  // namespace millrace::detail
