// PNG files: whatever the bytes, no fault and no more memory than the limits allow, and what is
// decoded survives filters and another file.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "check.hpp"
#include "image_filter/filters.hpp"
#include "image_filter/png.hpp"
#include "text/utf8.hpp"

using namespace lambda::image_filter;

namespace {

// Small, so that a search gets through many files.
constexpr PngLimits limits{
    .max_pixels = 1024, .max_side = 128, .max_bytes = 4096, .max_chunk_bytes = 2048};

std::optional<Image> decoded(std::string_view file) {
  try {
    return decode_png(file, limits, {});
  } catch (const ImageError& error) {
    const std::string_view message = error.what();
    fuzz::require(!message.empty() && message.size() < 600 &&
                      message.find('\n') == std::string_view::npos &&
                      lambda::text::is_valid_utf8(message),
                  "an error is one line");
    return std::nullopt;
  }
}

void check_limits(const Image& image) {
  fuzz::require(image.width >= 1 && image.height >= 1, "no image is empty");
  fuzz::require(image.width <= limits.max_side && image.height <= limits.max_side,
                "a side's limit");
  fuzz::require(std::uint64_t{image.width} * image.height <= limits.max_pixels,
                "the pixels' limit");
  fuzz::require(image.channels >= 1 && image.channels <= 4, "1 to 4 channels");
}

bool same(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && a.channels == b.channels &&
         std::memcmp(a.pixels.get(), b.pixels.get(), a.size()) == 0;
}

Image copy_of(const Image& image) {
  Image copy{image.width, image.height, image.channels};
  std::memcpy(copy.pixels.get(), image.pixels.get(), image.size());
  return copy;
}

void check_round_trip(const Image& image) {
  const auto file = encode_png(image, {});
  PngLimits generous = limits;
  generous.max_bytes = std::numeric_limits<std::uint32_t>::max();  // noise grows when it is packed
  fuzz::require(same(decode_png(file, generous, {}), image), "a written image is read as it was");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string file(reinterpret_cast<const char*>(data), size);
  const auto image = decoded(file);
  if (!image) return 0;
  check_limits(*image);
  check_round_trip(*image);

  const bool opaque = !image->has_alpha();
  for (const Filter& filter :
       {Filter{FilterKind::grayscale}, Filter{FilterKind::invert}, Filter{FilterKind::sobel},
        Filter{FilterKind::gaussian_blur, 0.7}, Filter{FilterKind::sharpen, 0.7, 2}}) {
    const auto result = apply_filter(copy_of(*image), filter, {});
    fuzz::require(result.width == image->width && result.height == image->height,
                  "a filter keeps the size");
    fuzz::require(opaque == !result.has_alpha(), "a filter keeps the alpha channel");
    check_round_trip(result);
  }
  const auto inverted = apply_filter(copy_of(*image), {FilterKind::invert}, {});
  fuzz::require(same(apply_filter(copy_of(inverted), {FilterKind::invert}, {}), *image),
                "inverted twice is as before");
  return 0;
}

// Mutations of the file's bytes seldom have right checksums: libFuzzer changes the bytes, and this
// mends the checksum of each chunk, three times in four.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

std::uint32_t crc32(const std::uint8_t* data, std::size_t size) {
  std::uint32_t sum = 0xFFFFFFFF;
  for (std::size_t i = 0; i < size; ++i) {
    sum ^= data[i];
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ ((sum & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~sum;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 4 == 0) return size;
  constexpr std::size_t around = 12;  // length, type and checksum
  for (std::size_t at = 8; at + around <= size;) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8U | data[at + i];
    if (length > size - at - around) break;
    const auto sum = crc32(data + at + 4, length + 4);
    for (std::size_t i = 0; i < 4; ++i) {
      data[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    }
    at += around + length;
  }
  return size;
}
