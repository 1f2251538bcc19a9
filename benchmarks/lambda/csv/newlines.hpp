/// The floor: what it costs to look at every byte once.
#pragma once

#include <cstdint>
#include <string_view>

namespace bench {

/// Sums bytes in blocks, which compilers turn into the widest vectors there are.
[[nodiscard]] std::uint64_t count_newlines(std::string_view text);

/// std::count, which they turn into vectors of 64-bit counters.
[[nodiscard]] std::uint64_t count_newlines_std(std::string_view text);

}  // namespace bench
