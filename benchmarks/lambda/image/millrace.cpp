// The image filter's handler against the clock, file to file: a line that is its event in, its
// times out. {"encode": PATH} encodes a picture by the handler's encoder and by libspng.
#include <spng.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "image_filter/handler.hpp"
#include "image_filter/png.hpp"
#include "io/file_sink.hpp"
#include "io/file_source.hpp"
#include "support/rival.hpp"

namespace {

using lambda::image_filter::Image;
using nlohmann::json;

void checked(int error) {
  if (error != 0) throw std::runtime_error{spng_strerror(error)};
}

// With the handler's level of compression and its filter, so that both do the same work.
std::string encode_with_spng(const Image& image) {
  const std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)> context{spng_ctx_new(SPNG_CTX_ENCODER),
                                                                    &spng_ctx_free};
  if (context == nullptr) throw std::bad_alloc{};
  constexpr std::uint8_t color_types[] = {
      SPNG_COLOR_TYPE_GRAYSCALE, SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, SPNG_COLOR_TYPE_TRUECOLOR,
      SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
  spng_ihdr header{};
  header.width = image.width;
  header.height = image.height;
  header.bit_depth = 8;
  header.color_type = color_types[image.channels - 1];
  checked(spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1));
  checked(spng_set_option(context.get(), SPNG_IMG_COMPRESSION_LEVEL, 1));
  checked(spng_set_option(context.get(), SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_SUB));
  checked(spng_set_ihdr(context.get(), &header));
  checked(spng_encode_image(context.get(), image.pixels.get(), image.size(), SPNG_FMT_PNG,
                            SPNG_ENCODE_FINALIZE));
  std::size_t size = 0;
  int error = 0;
  const std::unique_ptr<void, decltype(&std::free)> file{
      spng_get_png_buffer(context.get(), &size, &error), &std::free};
  checked(error);
  return {static_cast<const char*>(file.get()), size};
}

void check_same_pixels(const Image& image, std::string_view file) {
  const auto decoded = lambda::image_filter::decode_png(file, {}, {});
  if (decoded.size() != image.size() ||
      !std::equal(image.pixels.get(), image.pixels.get() + image.size(), decoded.pixels.get())) {
    throw std::runtime_error{"an encoded image has other pixels"};
  }
}

asio::awaitable<json> compare_encoders(const std::string& path, millrace::ComputePool<>& pool) {
  const auto bytes = lambda::io::read_file(path);
  const Image image = lambda::image_filter::decode_png(bytes.view(), {}, {});
  auto ours = [&image] { return lambda::image_filter::encode_png(image, {}); };
  auto theirs = [&image] { return encode_with_spng(image); };
  auto start = bench::Clock::now();
  const auto our_file = co_await pool.install(ours);
  const double our_ms = bench::ms_since(start);
  start = bench::Clock::now();
  const auto their_file = co_await pool.execute(theirs);
  const double their_ms = bench::ms_since(start);
  check_same_pixels(image, our_file);
  check_same_pixels(image, their_file);
  co_return json{{"values", {{"ours", our_ms}, {"libspng", their_ms}}},
                 {"bytes", {{"ours", our_file.size()}, {"libspng", their_file.size()}}}};
}

asio::awaitable<json> run_filter(json event, millrace::ComputePool<>& pool) {
  lambda::io::FileSource source;
  lambda::io::FileSink sink;
  lambda::image_filter::Handler handler{source, sink};
  lambda::Context context;  // has a name, as g++ 12 destroys such temporaries twice
  const auto start = bench::Clock::now();
  const auto reply = co_await handler(std::move(event), std::move(context), pool);
  const double ms = bench::ms_since(start);
  co_return json{{"values",
                  {{"whole", ms},
                   {"decode", reply.at("decode_ms")},
                   {"filter", reply.at("filter_ms")},
                   {"encode", reply.at("encode_ms")}}},
                 {"output_bytes", reply.at("output_bytes")}};
}

asio::awaitable<json> answer(std::string line, millrace::ComputePool<>& pool) {
  auto asked = json::parse(line);
  if (asked.contains("encode")) {
    const auto path = asked.at("encode").get<std::string>();
    co_return co_await compare_encoders(path, pool);
  }
  co_return co_await run_filter(std::move(asked), pool);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_rival(argc, argv, answer);
}
