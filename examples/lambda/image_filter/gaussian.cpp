#include "image_filter/gaussian.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

// Columns first: the rows around are then read as they lie, in bytes, and only one row of floats
// is ever needed. Both passes go along a row with one weight at a time, which compilers turn into
// vector code, in tiles that stay in the first-level cache while all weights pass over them.

namespace lambda::image_filter {
namespace {

constexpr std::size_t pixels_per_tile = 512;

// Pixels of two rows at the same distance above and below, with one weight.
template <unsigned Channels, bool Add>
void weigh(const std::uint8_t* above, const std::uint8_t* below, float weight, float* sums,
           std::size_t pixels) {
  const auto put = [](float& sum, float value) {
    if constexpr (Add) {
      sum += value;
    } else {
      sum = value;
    }
  };
  if constexpr (Channels % 2 != 0) {
    for (std::size_t i = 0; i < pixels * Channels; ++i) {
      put(sums[i], weight * static_cast<float>(above[i] + below[i]));
    }
  } else {
    constexpr unsigned alpha = Channels - 1;
    for (std::size_t i = 0; i < pixels * Channels; i += Channels) {
      for (unsigned c = 0; c < alpha; ++c) {
        put(sums[i + c], weight * static_cast<float>(above[i + c] * above[i + alpha] +
                                                     below[i + c] * below[i + alpha]));
      }
      put(sums[i + alpha], weight * static_cast<float>(above[i + alpha] + below[i + alpha]));
    }
  }
}

}  // namespace

std::vector<float> gaussian_weights(double sigma) {
  const auto radius = static_cast<std::size_t>(std::ceil(3 * sigma));
  std::vector<double> exact(radius + 1);
  double sum = 0;
  for (std::size_t d = radius + 1; d-- > 0;) {
    const auto distance = static_cast<double>(d);
    exact[d] = std::exp(-distance * distance / (2 * sigma * sigma));
    sum += d == 0 ? exact[d] : 2 * exact[d];
  }
  std::vector<float> weights;
  for (const double weight : exact) weights.push_back(static_cast<float>(weight / sum));
  return weights;
}

RowBlur::RowBlur(const Image& image, std::span<const float> weights)
    : image_(image),
      weights_(weights),
      padded_((image.width + 2 * (weights.size() - 1)) * image.channels),
      blurred_(image.stride()) {}

template <unsigned Channels>
void RowBlur::blur_column_tile(std::size_t y, std::size_t begin, std::size_t end) {
  const auto radius = weights_.size() - 1;
  const auto last = std::size_t{image_.height} - 1;
  float* const sums = padded_.data() + (radius + begin) * Channels;
  const auto* const middle = image_.row(y) + begin * Channels;
  // The middle row stands in for both of its neighbours at distance 0.
  weigh<Channels, false>(middle, middle, weights_[0] / 2, sums, end - begin);
  for (std::size_t d = 1; d <= radius; ++d) {
    const auto* const above = image_.row(y < d ? 0 : y - d) + begin * Channels;
    const auto* const below = image_.row(std::min(y + d, last)) + begin * Channels;
    weigh<Channels, true>(above, below, weights_[d], sums, end - begin);
  }
}

template <unsigned Channels>
void RowBlur::blur(std::size_t y) {
  const std::size_t width = image_.width;
  const auto radius = weights_.size() - 1;
  for (std::size_t begin = 0; begin < width; begin += pixels_per_tile) {
    blur_column_tile<Channels>(y, begin, std::min(begin + pixels_per_tile, width));
  }

  float* const first = padded_.data() + radius * Channels;
  float* const after = first + width * Channels;
  for (std::size_t i = 1; i <= radius; ++i) {
    std::copy_n(first, Channels, first - i * Channels);
    std::copy_n(after - Channels, Channels, after + (i - 1) * Channels);
  }

  constexpr auto tile = pixels_per_tile * Channels;
  for (std::size_t begin = 0; begin < blurred_.size(); begin += tile) {
    const auto count = std::min(tile, blurred_.size() - begin);
    const float* const from = first + begin;
    float* const to = blurred_.data() + begin;
    for (std::size_t i = 0; i < count; ++i) to[i] = weights_[0] * from[i];
    for (std::size_t d = 1; d <= radius; ++d) {
      const float weight = weights_[d];
      const float* const left = from - d * Channels;
      const float* const right = from + d * Channels;
      for (std::size_t i = 0; i < count; ++i) to[i] += weight * (left[i] + right[i]);
    }
  }

  if constexpr (Channels % 2 == 0) {
    constexpr unsigned alpha = Channels - 1;
    for (std::size_t i = 0; i < blurred_.size(); i += Channels) {
      const float opacity = blurred_[i + alpha];
      for (unsigned c = 0; c < alpha; ++c) {
        blurred_[i + c] = opacity > 0 ? blurred_[i + c] / opacity : 0;
      }
    }
  }
}

std::span<const float> RowBlur::row(std::size_t y) {
  switch (image_.channels) {
    case 1:
      blur<1>(y);
      break;
    case 2:
      blur<2>(y);
      break;
    case 3:
      blur<3>(y);
      break;
    default:
      blur<4>(y);
      break;
  }
  return blurred_;
}

}  // namespace lambda::image_filter
