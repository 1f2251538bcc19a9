#include "image_filter/filters.hpp"

#include <asio/error.hpp>
#include <system_error>
#include <vector>

#include "support/catch.hpp"

using namespace lambda::image_filter;

namespace {

using Bytes = std::vector<int>;

Image image_of(std::uint32_t width, std::uint32_t height, unsigned channels, const Bytes& bytes) {
  Image image{width, height, channels};
  REQUIRE(bytes.size() == image.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(bytes[i]);
  }
  return image;
}

Bytes filtered(Image image, const Filter& filter) {
  const auto result = apply_filter(std::move(image), filter, {});
  return {result.pixels.get(), result.pixels.get() + result.size()};
}

}  // namespace

TEST_CASE("filters: grayscale") {
  const Filter filter{FilterKind::grayscale};
  CHECK(filtered(image_of(4, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255}), filter) ==
        Bytes{76, 150, 29, 255});
  CHECK(filtered(image_of(1, 1, 4, {10, 20, 30, 40}), filter) == Bytes{18, 40});
  CHECK(filtered(image_of(2, 1, 1, {7, 8}), filter) == Bytes{7, 8});
  CHECK(filtered(image_of(1, 1, 2, {7, 8}), filter) == Bytes{7, 8});
}

TEST_CASE("filters: invert leaves alpha") {
  const Filter filter{FilterKind::invert};
  CHECK(filtered(image_of(3, 1, 1, {0, 1, 255}), filter) == Bytes{255, 254, 0});
  CHECK(filtered(image_of(2, 1, 2, {0, 1, 2, 3}), filter) == Bytes{255, 1, 253, 3});
  CHECK(filtered(image_of(1, 1, 3, {0, 1, 2}), filter) == Bytes{255, 254, 253});
  CHECK(filtered(image_of(2, 1, 4, {0, 1, 2, 3, 4, 5, 6, 7}), filter) ==
        Bytes{255, 254, 253, 3, 251, 250, 249, 7});
}

TEST_CASE("filters: sobel") {
  const Filter filter{FilterKind::sobel};
  // A step of 10 from left to right: 4 times 10 on both sides of it.
  CHECK(filtered(image_of(4, 2, 1, {0, 0, 10, 10, 0, 0, 10, 10}), filter) ==
        Bytes{0, 40, 40, 0, 0, 40, 40, 0});
  // Turned by a quarter.
  CHECK(filtered(image_of(1, 4, 1, {0, 0, 10, 10}), filter) == Bytes{0, 40, 40, 0});
  CHECK(filtered(image_of(2, 1, 1, {0, 255}), filter) == Bytes{255, 255});
  CHECK(filtered(image_of(2, 1, 2, {0, 9, 10, 200}), filter) == Bytes{40, 9, 40, 200});
}

TEST_CASE("filters: what is flat stays flat") {
  for (const auto kind : {FilterKind::gaussian_blur, FilterKind::sharpen}) {
    for (const double sigma : {0.3, 1.0, 20.0}) {
      for (const int value : {0, 1, 127, 128, 254, 255}) {
        CHECK(filtered(image_of(3, 2, 1, Bytes(6, value)), {kind, sigma, 10}) == Bytes(6, value));
        CHECK(filtered(image_of(3, 2, 3, Bytes(18, value)), {kind, sigma, 10}) == Bytes(18, value));
      }
    }
  }
}

TEST_CASE("filters: what is transparent doesn't colour its neighbours") {
  const Filter filter{FilterKind::gaussian_blur, 1.0};
  const auto blurred = filtered(image_of(2, 1, 2, {200, 255, 0, 0}), filter);
  CHECK(blurred[0] == 200);
  CHECK(blurred[2] == 200);
  CHECK(blurred[1] > blurred[3]);
  CHECK(filtered(image_of(1, 1, 4, {9, 9, 9, 0}), filter) == Bytes{0, 0, 0, 0});
}

TEST_CASE("filters: whoever asks to stop gets no image") {
  std::stop_source stop;
  stop.request_stop();
  for (const auto kind : {FilterKind::grayscale, FilterKind::invert, FilterKind::gaussian_blur,
                          FilterKind::sobel, FilterKind::sharpen}) {
    std::error_code error;
    try {
      static_cast<void>(apply_filter(image_of(1, 1, 3, {1, 2, 3}), Filter{kind}, stop.get_token()));
    } catch (const std::system_error& stopped) {
      error = stopped.code();
    }
    CHECK(error == asio::error::operation_aborted);
  }
}
