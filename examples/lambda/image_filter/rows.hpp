/// Sharing out an image's rows.
#pragma once

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include "compute/stop.hpp"

namespace lambda::image_filter {

/// Calls f(begin, end) for blocks of rows, in parallel; throws `operation_aborted` if it was told
/// to stop before the last block had begun.
template <class F>
void for_row_blocks(std::size_t height, std::size_t stride, const std::stop_token& stop, F&& f) {
  // About what a core's own cache holds, with its result: enough work to be worth a task, little
  // enough that all workers finish together and that a stop is soon seen. But not a row or two,
  // as some filters look at the rows around a block, too.
  constexpr std::size_t bytes_per_block = 64 * 1024;
  constexpr std::size_t fewest_rows = 8;
  const auto rows = std::max(fewest_rows, bytes_per_block / std::max<std::size_t>(stride, 1));
  const auto blocks = (height + rows - 1) / rows;
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t block) {
    if (stop.stop_requested()) return;
    f(block * rows, std::min(height, (block + 1) * rows));
  });
  compute::throw_if_stopped(stop);
}

/// ITU-R BT.601 in 16 bits, as most libraries have it.
[[nodiscard]] constexpr std::uint8_t luma(unsigned red, unsigned green, unsigned blue) noexcept {
  return static_cast<std::uint8_t>((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16);
}

}  // namespace lambda::image_filter
