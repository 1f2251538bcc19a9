#include "csv/newlines.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#if defined(__x86_64__)
#define FOR_EACH_MACHINE __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

namespace bench {

FOR_EACH_MACHINE std::uint64_t count_newlines(std::string_view text) {
  constexpr std::size_t width = 64;
  constexpr std::size_t rounds = 255;  // so many counts fit into a byte
  std::uint64_t total = 0;
  std::size_t at = 0;
  while (text.size() - at >= width * rounds) {
    std::array<unsigned char, width> counts{};
    for (std::size_t round = 0; round < rounds; ++round, at += width) {
      for (std::size_t i = 0; i < width; ++i) {
        counts[i] = static_cast<unsigned char>(counts[i] + (text[at + i] == '\n' ? 1 : 0));
      }
    }
    for (const auto count : counts) total += count;
  }
  for (; at < text.size(); ++at) total += text[at] == '\n' ? 1 : 0;
  return total;
}

FOR_EACH_MACHINE std::uint64_t count_newlines_std(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace bench
