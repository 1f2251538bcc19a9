/// PNG files to pixels and back.
///
/// Both take long and look at the stop token every few rows; they throw `operation_aborted` as
/// `compute::throw_if_stopped` does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>

#include "image_filter/image.hpp"

namespace lambda::image_filter {

/// The input is no PNG, a damaged one, or too large. The message is one line.
class ImageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What is refused before any pixel is decoded, and before there is memory for any.
struct PngLimits {
  std::uint64_t max_pixels = 50'000'000;
  std::uint32_t max_side = 65'535;
  std::size_t max_bytes = std::size_t{100} << 20;  ///< Of the file.
  /// Of a chunk that isn't pixels, in the file and unpacked, and of all of them together.
  std::size_t max_chunk_bytes = std::size_t{8} << 20;
};

/// Any PNG as 8-bit gray, gray and alpha, RGB or RGBA: palettes become colours, a tRNS chunk
/// becomes alpha, fewer than 8 bits are scaled to the full range, and of 16 bits the upper 8 stay.
/// Colour profiles and gamma are not applied. Damage is an error also where the pixels are whole
/// (a wrong checksum in a text, no end of the file), so that a broken upload is noticed.
[[nodiscard]] Image decode_png(std::string_view file, const PngLimits& limits,
                               const std::stop_token& stop);

/// The pixels alone, no other chunks. The same image gives the same bytes, with any number of
/// workers.
///
/// **Runs on**: the calling thread and whoever joins its oneTBB arena.
[[nodiscard]] std::string encode_png(const Image& image, const std::stop_token& stop);

}  // namespace lambda::image_filter
