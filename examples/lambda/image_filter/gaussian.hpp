/// Blurred rows of an image, one at a time.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "image_filter/image.hpp"

namespace lambda::image_filter {

/// The kernel; `apply_filter` says which. Half of it, as it is symmetric: [0] is the middle.
[[nodiscard]] std::vector<float> gaussian_weights(double sigma);

/// The memory that rows are blurred in; one per task.
class RowBlur {
 public:
  /// **Lifetime**: image and weights must outlive it.
  RowBlur(const Image& image, std::span<const float> weights);

  /// The blurred row, channels interleaved as in the image, 0 to 255, not rounded yet. The next
  /// call overwrites it.
  [[nodiscard]] std::span<const float> row(std::size_t y);

 private:
  template <unsigned Channels>
  void blur_column_tile(std::size_t y, std::size_t begin, std::size_t end);
  template <unsigned Channels>
  void blur(std::size_t y);

  const Image& image_;
  std::span<const float> weights_;
  std::vector<float> padded_;  // blurred along the columns, continued beyond both edges
  std::vector<float> blurred_;
};

}  // namespace lambda::image_filter
