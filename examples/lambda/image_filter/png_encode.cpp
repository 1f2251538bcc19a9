#include <spng.h>

#include <memory>
#include <new>

#include "compute/stop.hpp"
#include "image_filter/png.hpp"

namespace lambda::image_filter {
namespace {

constexpr int compression_level = 3;

struct FreeContext {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};

// Only what is wrong with us, or too little memory, makes encoding fail.
void check(int error) {
  if (error == SPNG_EMEM) throw std::bad_alloc{};
  if (error != SPNG_OK) throw std::logic_error{std::string{"libspng: "} + spng_strerror(error)};
}

int append(spng_ctx*, void* file, void* bytes, std::size_t size) noexcept {
  try {
    static_cast<std::string*>(file)->append(static_cast<const char*>(bytes), size);
    return SPNG_OK;
  } catch (const std::bad_alloc&) {
    return SPNG_IO_ERROR;
  }
}

std::uint8_t color_type(unsigned channels) {
  constexpr std::uint8_t types[] = {SPNG_COLOR_TYPE_GRAYSCALE, SPNG_COLOR_TYPE_GRAYSCALE_ALPHA,
                                    SPNG_COLOR_TYPE_TRUECOLOR, SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
  return types[channels - 1];
}

}  // namespace

std::string encode_png(const Image& image, const std::stop_token& stop) {
  constexpr unsigned rows_between_looks = 32;
  std::string file;
  const std::unique_ptr<spng_ctx, FreeContext> owner{spng_ctx_new(SPNG_CTX_ENCODER)};
  auto* const context = owner.get();
  if (context == nullptr) throw std::bad_alloc{};
  check(spng_set_png_stream(context, append, &file));
  spng_ihdr header{};
  header.width = image.width;
  header.height = image.height;
  header.bit_depth = 8;
  header.color_type = color_type(image.channels);
  check(spng_set_ihdr(context, &header));
  check(spng_set_option(context, SPNG_IMG_COMPRESSION_LEVEL, compression_level));
  check(spng_set_option(context, SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_UP));
  check(spng_encode_image(context, nullptr, 0, SPNG_FMT_PNG,
                          SPNG_ENCODE_PROGRESSIVE | SPNG_ENCODE_FINALIZE));
  for (std::uint32_t y = 0;; ++y) {
    if (y % rows_between_looks == 0) compute::throw_if_stopped(stop);
    const int error = spng_encode_row(context, image.row(y), image.stride());
    if (error == SPNG_EOI) return file;
    check(error);
  }
}

}  // namespace lambda::image_filter
