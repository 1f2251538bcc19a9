#include <spng.h>

#include <memory>
#include <new>

#include "compute/stop.hpp"
#include "image_filter/png.hpp"

namespace lambda::image_filter {
namespace {

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, FreeContext>;

void check(int error) {
  if (error == SPNG_OK) return;
  if (error == SPNG_EMEM) throw ImageError{"the PNG needs more memory than there is"};
  if (error == SPNG_ECHUNK_LIMITS) {
    throw ImageError{"the PNG has more text, profiles and the like than is allowed"};
  }
  const char* const reason = error == SPNG_IO_EOF ? "it is cut short"
                             : error == SPNG_EOVERFLOW
                                 ? "it claims more pixels than anybody can address"
                                 : spng_strerror(error);
  throw ImageError{std::string{"not a PNG that can be read: "} + reason};
}

// What libspng is asked for, and what comes of it.
struct Plan {
  int format = 0;
  int flags = 0;
  unsigned channels = 0;
  bool is_wide_gray = false;  // 16 bits, which libspng reduces for colours only
};

Plan make_plan(const spng_ihdr& header, bool has_transparency) {
  const bool is_wide = header.bit_depth == 16;
  switch (header.color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
      if (is_wide) return {SPNG_FMT_PNG, 0, has_transparency ? 2U : 1U, true};
      if (has_transparency) return {SPNG_FMT_GA8, SPNG_DECODE_TRNS, 2, false};
      return {SPNG_FMT_G8, 0, 1, false};
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
      return {SPNG_FMT_PNG, 0, 2, is_wide};
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
      return {SPNG_FMT_RGBA8, 0, 4, false};
    default:
      if (has_transparency) return {SPNG_FMT_RGBA8, SPNG_DECODE_TRNS, 4, false};
      return {SPNG_FMT_RGB8, 0, 3, false};
  }
}

// A claim costs 25 bytes, the pixels that it claims gigabytes.
void check_claim(const spng_ihdr& header, std::size_t file_bytes, const PngLimits& limits) {
  const auto pixels = std::uint64_t{header.width} * header.height;
  const auto claim = std::to_string(header.width) + " x " + std::to_string(header.height);
  if (pixels > limits.max_pixels) {
    throw ImageError{"the image has " + claim + " pixels; at most " +
                     std::to_string(limits.max_pixels) + " are allowed"};
  }
  if (header.width > limits.max_side || header.height > limits.max_side) {
    throw ImageError{"the image has " + claim + " pixels; a side may have at most " +
                     std::to_string(limits.max_side)};
  }
  constexpr std::uint64_t most_deflate_can =
      1032;  // bytes out of one, see zlib's technical details
  constexpr unsigned samples[] = {1, 0, 3, 1, 2, 0, 4};  // by colour type
  const auto bits = pixels * samples[header.color_type] * header.bit_depth;
  if (bits / 8 / most_deflate_can > file_bytes) {
    throw ImageError{"the image claims " + claim + " pixels, more than a file of " +
                     std::to_string(file_bytes) + " bytes can hold"};
  }
}

// Calls f(row) for each row of each pass; an interlaced image has up to 7.
template <class F>
void decode_rows(spng_ctx* context, const Plan& plan, const std::stop_token& stop, F&& row) {
  constexpr unsigned rows_between_looks = 32;
  check(spng_decode_image(context, nullptr, 0, plan.format, plan.flags | SPNG_DECODE_PROGRESSIVE));
  for (unsigned i = 0;; ++i) {
    if (i % rows_between_looks == 0) compute::throw_if_stopped(stop);
    spng_row_info info{};
    check(spng_get_row_info(context, &info));
    const auto [at, size] = row(info.row_num);
    const int error = spng_decode_row(context, at, size);
    if (error == SPNG_EOI) break;
    check(error);
  }
  check(spng_decode_chunks(context));
}

struct RowSpace {
  void* at;
  std::size_t size;
};

void decode_wide_gray(spng_ctx* context, const Plan& plan, bool source_has_alpha,
                      const spng_trns* transparency, const std::stop_token& stop, Image& image) {
  const std::size_t samples = std::size_t{image.width} * (source_has_alpha ? 2 : 1);
  const auto wide = std::make_unique_for_overwrite<std::uint16_t[]>(samples * image.height);
  decode_rows(context, plan, stop, [&](std::uint32_t y) {
    return RowSpace{wide.get() + y * samples, samples * sizeof(std::uint16_t)};
  });
  std::uint8_t* out = image.pixels.get();
  for (std::size_t i = 0; i < samples * image.height; ++i) {
    *out++ = static_cast<std::uint8_t>(wide[i] >> 8);
    // Which gray is the transparent one is said with all of its 16 bits.
    if (transparency != nullptr) *out++ = wide[i] == transparency->gray ? 0 : 255;
  }
}

}  // namespace

Image decode_png(std::string_view file, const PngLimits& limits, const std::stop_token& stop) try {
  if (file.empty()) throw ImageError{"the file is empty; it must be a PNG"};
  if (file.size() > limits.max_bytes) {
    throw ImageError{"the file has " + std::to_string(file.size()) + " bytes; at most " +
                     std::to_string(limits.max_bytes) + " are allowed"};
  }
  if (!file.starts_with("\x89PNG\r\n\x1A\n")) throw ImageError{"the file is not a PNG"};
  const Context owner{spng_ctx_new(0)};
  auto* const context = owner.get();
  if (context == nullptr) throw std::bad_alloc{};
  check(spng_set_crc_action(context, SPNG_CRC_ERROR, SPNG_CRC_ERROR));
  check(spng_set_chunk_limits(context, limits.max_chunk_bytes, limits.max_chunk_bytes));
  check(spng_set_png_buffer(context, file.data(), file.size()));

  spng_ihdr header{};
  check(spng_get_ihdr(context, &header));
  check_claim(header, file.size(), limits);

  spng_trns transparency{};
  const int found = spng_get_trns(context, &transparency);
  if (found != SPNG_ECHUNKAVAIL) check(found);
  const bool has_transparency = found == SPNG_OK;

  const auto plan = make_plan(header, has_transparency);
  Image image{header.width, header.height, plan.channels};
  if (plan.is_wide_gray) {
    const bool source_has_alpha = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
    decode_wide_gray(context, plan, source_has_alpha, has_transparency ? &transparency : nullptr,
                     stop, image);
  } else {
    decode_rows(context, plan, stop,
                [&](std::uint32_t y) { return RowSpace{image.row(y), image.stride()}; });
  }
  return image;
} catch (const std::bad_alloc&) {
  throw ImageError{"the PNG needs more memory than there is"};
}

}  // namespace lambda::image_filter
