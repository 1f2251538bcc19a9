/// The filters. Each pixel of the result depends on the image alone, however the rows are shared
/// out: the same bytes with any number of workers.
#pragma once

#include <stop_token>

#include "image_filter/image.hpp"

namespace lambda::image_filter {

enum class FilterKind { grayscale, invert, gaussian_blur, sobel, sharpen };

struct Filter {
  FilterKind kind = FilterKind::grayscale;
  double sigma = 1;   ///< Of gaussian_blur and sharpen, in pixels.
  double amount = 1;  ///< Of sharpen.
};

/// Filters all rows, in parallel. What lies outside of the image is as its nearest pixel.
///
/// - `grayscale`: luma L = (19595 R + 38470 G + 7471 B + 32768) >> 16, the weights of ITU-R BT.601.
///   One channel, alpha stays as a second. What is gray stays as it is.
/// - `invert`: 255 - v, alpha stays.
/// - `gaussian_blur`: weights exp(-d^2 / (2 sigma^2)) for distances d up to ceil(3 sigma), divided
///   by their sum, along columns, then rows, in floats; half is rounded up. With alpha, a pixel
///   counts for the colour as much as it is opaque: C = sum(w a c) / sum(w a), A = sum(w a), and
///   the colour of what is wholly transparent is 0.
/// - `sobel`: sqrt(gx^2 + gy^2) of the luma, gx = [-1 0 1; -2 0 2; -1 0 1], gy its transpose, to
///   the nearest integer, at most 255. One channel, alpha stays as a second.
/// - `sharpen`: v + amount (v - blurred v), the unsharp mask; half rounded up, clamped to 0..255,
///   alpha stays.
///
/// **Runs on**: the calling thread and whoever joins its oneTBB arena. **Cancellation**: looks at
/// the stop token before each block of rows, throws `operation_aborted`.
[[nodiscard]] Image apply_filter(Image image, const Filter& filter, const std::stop_token& stop);

}  // namespace lambda::image_filter
