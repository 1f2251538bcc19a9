/// 8-bit pixels in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace lambda::image_filter {

/// Rows from top to bottom without gaps, pixels from left to right, channels interleaved: gray,
/// gray and alpha, red green blue, or red green blue alpha. Alpha isn't multiplied in.
struct Image {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  unsigned channels = 0;  ///< 1 to 4.
  std::unique_ptr<std::uint8_t[]> pixels;

  Image() = default;
  /// Pixels are not set: whoever makes an image writes all of them.
  Image(std::uint32_t image_width, std::uint32_t image_height, unsigned image_channels)
      : width(image_width), height(image_height), channels(image_channels) {
    pixels = std::make_unique_for_overwrite<std::uint8_t[]>(size());
  }

  [[nodiscard]] bool has_alpha() const noexcept { return channels % 2 == 0; }
  [[nodiscard]] std::size_t stride() const noexcept { return std::size_t{width} * channels; }
  [[nodiscard]] std::size_t size() const noexcept { return stride() * height; }
  [[nodiscard]] std::uint8_t* row(std::size_t y) noexcept { return pixels.get() + y * stride(); }
  [[nodiscard]] const std::uint8_t* row(std::size_t y) const noexcept {
    return pixels.get() + y * stride();
  }
};

}  // namespace lambda::image_filter
