#include "image_filter/png.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "lambda/image_filter/support.hpp"
#include "support/catch.hpp"

using namespace lambda::image_filter;

namespace {

Image make_image(std::uint32_t width, std::uint32_t height, unsigned channels) {
  Image image{width, height, channels};
  for (std::size_t i = 0; i < image.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(i * 7 + i / 13);
  }
  return image;
}

std::string decode_error(std::string_view file, const PngLimits& limits = {}) {
  return test::message_of<ImageError>([&] { return decode_png(file, limits, {}); });
}

}  // namespace

TEST_CASE("png: what was encoded is what is decoded") {
  for (const unsigned channels : {1U, 2U, 3U, 4U}) {
    for (const auto& [width, height] : {std::pair{1U, 1U}, {1U, 77U}, {77U, 1U}, {211U, 103U}}) {
      const auto image = make_image(width, height, channels);
      const auto again = decode_png(encode_png(image, {}), {}, {});
      REQUIRE(again.width == width);
      REQUIRE(again.height == height);
      REQUIRE(again.channels == channels);
      CHECK(std::equal(again.pixels.get(), again.pixels.get() + again.size(), image.pixels.get()));
    }
  }
}

TEST_CASE("png: limits are told by what they are and what was found") {
  const auto file = encode_png(make_image(40, 30, 3), {});
  CHECK(decode_error(file, {.max_pixels = 1200}).empty());
  CHECK(decode_error(file, {.max_pixels = 1199}) ==
        "the image has 40 x 30 pixels; at most 1199 are allowed");
  CHECK(decode_error(file, {.max_side = 40}).empty());
  CHECK(decode_error(file, {.max_side = 39}) ==
        "the image has 40 x 30 pixels; a side may have at most 39");
  CHECK(decode_error(file, {.max_bytes = file.size()}).empty());
  CHECK(decode_error(file, {.max_bytes = file.size() - 1}) ==
        "the file has " + std::to_string(file.size()) + " bytes; at most " +
            std::to_string(file.size() - 1) + " are allowed");
}

TEST_CASE("png: pixels in one large chunk are no text of that size") {
  const auto file = encode_png(make_image(300, 300, 3), {});
  CHECK(decode_error(file, {.max_chunk_bytes = 16}).empty());
}

TEST_CASE("png: what isn't a whole PNG of reasonable size is refused in one line") {
  const test::TemporaryDirectory folder;
  const auto [made, log] = test::images("bad", folder.file(""));
  INFO(log);
  REQUIRE(made == 0);
  const auto error_of = [&](const std::string& name) {
    return decode_error(test::read(folder.file(name + ".png")));
  };
  CHECK(error_of("good").empty());
  CHECK(error_of("empty") == "the file is empty; it must be a PNG");
  CHECK(error_of("text") == "the file is not a PNG");
  CHECK(error_of("signature-only") == "not a PNG that can be read: it is cut short");
  CHECK(error_of("cut-50") == "not a PNG that can be read: it is cut short");
  CHECK(error_of("huge") == "the image has 100000 x 100000 pixels; at most 50000000 are allowed");
  CHECK(error_of("largest") ==
        "not a PNG that can be read: it claims more pixels than anybody can address");
  CHECK(error_of("long") == "the image has 70000 x 1 pixels; a side may have at most 65535");
  CHECK(error_of("hollow").starts_with("the image claims 7000 x 7000 pixels, more than a file of"));
  for (const auto* name : {"huge-text", "packed-text", "packed-profile", "many-texts"}) {
    INFO(name);
    CHECK(error_of(name) == "the PNG has more text, profiles and the like than is allowed");
  }
  // As other readers have it: a colour that isn't in the palette is black.
  const auto beyond_palette = decode_png(test::read(folder.file("palette-index.png")), {}, {});
  CHECK(std::count(beyond_palette.pixels.get(), beyond_palette.pixels.get() + 36, 0) == 36);

  std::size_t refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder.file("")}) {
    const auto name = entry.path().stem().string();
    const auto error = error_of(name);
    INFO(name << ": " << error);
    CHECK(error.empty() == (name == "good" || name == "palette-index"));
    CHECK(error.find('\n') == std::string::npos);
    refused += error.empty() ? 0 : 1;
  }
  CHECK(refused > 90);
}

TEST_CASE("png: whoever asks to stop gets no image") {
  std::stop_source stop;
  stop.request_stop();
  const auto image = make_image(100, 100, 3);
  const auto file = encode_png(image, {});
  CHECK_THROWS_AS(decode_png(file, {}, stop.get_token()), std::system_error);
  CHECK_THROWS_AS(encode_png(image, stop.get_token()), std::system_error);
}
