#include "image_filter/filters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "image_filter/gaussian.hpp"
#include "image_filter/rows.hpp"

namespace lambda::image_filter {
namespace {

// Half up; what is below 0 or above 255 goes to the nearer of them.
std::uint8_t rounded(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

// The channels of an image whose colours became one.
unsigned gray_channels(const Image& image) {
  return image.has_alpha() ? 2 : 1;
}

template <unsigned Channels>
void gray_row(const std::uint8_t* in, std::uint8_t* out, std::size_t pixels) {
  constexpr unsigned out_channels = Channels == 4 ? 2 : 1;
  for (std::size_t x = 0; x < pixels; ++x) {
    const auto* const pixel = in + x * Channels;
    out[x * out_channels] = luma(pixel[0], pixel[1], pixel[2]);
    if constexpr (Channels == 4) out[x * out_channels + 1] = pixel[3];
  }
}

Image grayscale(Image image, const std::stop_token& stop) {
  if (image.channels <= 2) return image;
  Image gray{image.width, image.height, gray_channels(image)};
  for_row_blocks(image.height, image.stride(), stop, [&](std::size_t begin, std::size_t end) {
    const auto pixels = (end - begin) * image.width;  // rows have no gaps
    if (image.has_alpha()) {
      gray_row<4>(image.row(begin), gray.row(begin), pixels);
    } else {
      gray_row<3>(image.row(begin), gray.row(begin), pixels);
    }
  });
  return gray;
}

Image invert(Image image, const std::stop_token& stop) {
  for_row_blocks(image.height, image.stride(), stop, [&](std::size_t begin, std::size_t end) {
    std::uint8_t* const at = image.row(begin);
    const auto bytes = (end - begin) * image.stride();
    const auto turn = [&](std::size_t i) { at[i] = static_cast<std::uint8_t>(255 - at[i]); };
    if (!image.has_alpha()) {
      for (std::size_t i = 0; i < bytes; ++i) turn(i);
    } else if (image.channels == 2) {
      for (std::size_t i = 0; i < bytes; i += 2) turn(i);
    } else {
      for (std::size_t i = 0; i < bytes; i += 4) {
        for (std::size_t c = 0; c < 3; ++c) turn(i + c);
      }
    }
  });
  return image;
}

Image gaussian_blur(const Image& image, double sigma, const std::stop_token& stop) {
  const auto weights = gaussian_weights(sigma);
  Image blurred{image.width, image.height, image.channels};
  for_row_blocks(image.height, image.stride(), stop, [&](std::size_t begin, std::size_t end) {
    RowBlur blur{image, weights};
    for (auto y = begin; y < end; ++y) {
      const auto row = blur.row(y);
      std::uint8_t* const out = blurred.row(y);
      for (std::size_t i = 0; i < row.size(); ++i) out[i] = rounded(row[i]);
    }
  });
  return blurred;
}

Image sharpen(const Image& image, double sigma, double amount, const std::stop_token& stop) {
  const auto weights = gaussian_weights(sigma);
  const auto factor = static_cast<float>(amount);
  Image sharp{image.width, image.height, image.channels};
  for_row_blocks(image.height, image.stride(), stop, [&](std::size_t begin, std::size_t end) {
    RowBlur blur{image, weights};
    for (auto y = begin; y < end; ++y) {
      const float* const soft = blur.row(y).data();
      const std::uint8_t* const in = image.row(y);
      std::uint8_t* const out = sharp.row(y);
      for (std::size_t i = 0; i < image.stride(); ++i) {
        const auto value = static_cast<float>(in[i]);
        out[i] = rounded(value + factor * (value - soft[i]));
      }
      if (!image.has_alpha()) continue;
      for (std::size_t i = image.channels - 1; i < image.stride(); i += image.channels) {
        out[i] = in[i];
      }
    }
  });
  return sharp;
}

// The luma of a row, with its first and last pixel once more beside it.
void padded_luma(const Image& image, std::size_t y, std::vector<std::uint8_t>& out) {
  const std::size_t width = image.width;
  const auto* const in = image.row(y);
  if (image.channels == 3) {
    gray_row<3>(in, out.data() + 1, width);
  } else {
    for (std::size_t x = 0; x < width; ++x) {
      const auto* const pixel = in + x * image.channels;
      out[x + 1] = image.channels <= 2 ? pixel[0] : luma(pixel[0], pixel[1], pixel[2]);
    }
  }
  out.front() = out[1];
  out.back() = out[width];
}

// Exact, although in floats: the squares' sum stays below 2^24, IEEE 754 rounds the root correctly,
// and no root of an integer lies near enough to a half for that rounding to cross it.
void gradient_row(const std::uint8_t* above, const std::uint8_t* here, const std::uint8_t* below,
                  std::uint8_t* out, std::size_t width) {
  for (std::size_t x = 0; x < width; ++x) {
    const int gx = above[x + 2] - above[x] + 2 * (here[x + 2] - here[x]) + below[x + 2] - below[x];
    const int gy =
        below[x] + 2 * below[x + 1] + below[x + 2] - above[x] - 2 * above[x + 1] - above[x + 2];
    const float length = std::sqrt(static_cast<float>(gx * gx + gy * gy));
    out[x] = static_cast<std::uint8_t>(std::min(length + 0.5F, 255.0F));
  }
}

Image sobel(const Image& image, const std::stop_token& stop) {
  Image edges{image.width, image.height, gray_channels(image)};
  const std::size_t width = image.width;
  const std::size_t last = image.height - 1;
  for_row_blocks(image.height, image.stride(), stop, [&](std::size_t begin, std::size_t end) {
    std::array<std::vector<std::uint8_t>, 3> lumas;
    for (auto& row : lumas) row.resize(width + 2);
    std::vector<std::uint8_t> gradients(width);
    padded_luma(image, begin == 0 ? 0 : begin - 1, lumas[0]);
    padded_luma(image, begin, lumas[1]);
    for (auto y = begin; y < end; ++y) {
      padded_luma(image, std::min(y + 1, last), lumas[2]);
      gradient_row(lumas[0].data(), lumas[1].data(), lumas[2].data(), gradients.data(), width);
      auto* const out = edges.row(y);
      if (image.has_alpha()) {
        for (std::size_t x = 0; x < width; ++x) {
          out[2 * x] = gradients[x];
          out[2 * x + 1] = image.row(y)[(x + 1) * image.channels - 1];
        }
      } else {
        std::copy(gradients.begin(), gradients.end(), out);
      }
      std::rotate(lumas.begin(), lumas.begin() + 1, lumas.end());
    }
  });
  return edges;
}

}  // namespace

Image apply_filter(Image image, const Filter& filter, const std::stop_token& stop) {
  switch (filter.kind) {
    case FilterKind::grayscale:
      return grayscale(std::move(image), stop);
    case FilterKind::invert:
      return invert(std::move(image), stop);
    case FilterKind::gaussian_blur:
      return gaussian_blur(image, filter.sigma, stop);
    case FilterKind::sobel:
      return sobel(image, stop);
    case FilterKind::sharpen:
      return sharpen(image, filter.sigma, filter.amount, stop);
  }
  return image;
}

}  // namespace lambda::image_filter
