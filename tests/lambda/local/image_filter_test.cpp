// The image filter as its callers see it: through local-runtime-api, with its real bootstrap.

#include <nlohmann/json.hpp>
#include <string>

#include "image_filter/png.hpp"
#include "lambda/support/files.hpp"
#include "local_api.hpp"
#include "replies.hpp"
#include "support/catch.hpp"

using lambda::HttpResponse;
using lambda::testing::error_of;
using lambda::testing::LocalApi;
using nlohmann::json;
namespace filter = lambda::image_filter;

namespace {

std::string red_png() {
  filter::Image image{2, 1, 3};
  for (int x = 0; x < 2; ++x) {
    image.pixels[std::size_t(3 * x)] = 255;
    image.pixels[std::size_t(3 * x + 1)] = image.pixels[std::size_t(3 * x + 2)] = 0;
  }
  return filter::encode_png(image, {});
}

class Fixture {
 public:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }

  /// Calls the function with a file of these bytes.
  HttpResponse invoke_with(const std::string& bytes, json event) {
    event["input"] = folder_.write("in.png", bytes);
    return api_.invoke(event.dump());
  }

  /// Whatever came before, the same process serves the next call.
  void check_serves() {
    const HttpResponse response = invoke_with(red_png(), {{"filter", "grayscale"}});
    INFO(response.body);
    CHECK_FALSE(response.headers.find("X-Amz-Function-Error"));
    const json reply = json::parse(response.body);
    CHECK(reply.at("width") == 2);
    CHECK(reply.at("channels") == 1);
    CHECK(reply.at("workers") == 2);
    const auto image = filter::decode_png(test::read(path("out.png")), {}, {});
    REQUIRE(image.size() == 2);
    CHECK(int{image.pixels[0]} == 76);
    CHECK(int{image.pixels[1]} == 76);
    CHECK_THAT(api_.log(), !Catch::Contains("bootstrap has ended"));
  }

 private:
  test::TemporaryDirectory folder_;
  LocalApi api_{{"--env", "WORKER_COUNT=2", "--env", "IMAGE_FILTER_OUTPUT=" + path("out.png"),
                 "--env", "IMAGE_FILTER_MAX_PIXELS=1000", "--", IMAGE_FILTER_BOOTSTRAP}};
};

}  // namespace

TEST_CASE("image filter: a PNG is filtered", "[image]") {
  Fixture f;
  f.check_serves();
}

TEST_CASE("image filter: what isn't a PNG or too large", "[image]") {
  Fixture f;
  CHECK_THAT(error_of(f.invoke_with("text", {{"filter", "invert"}}), "Function.InvalidInput"),
             Catch::Contains("in.png: the file is not a PNG"));
  CHECK_THAT(error_of(f.invoke_with(filter::encode_png(filter::Image{100, 11, 1}, {}),
                                    {{"filter", "invert"}}),
                      "Function.InvalidInput"),
             Catch::Contains("the image has 100 x 11 pixels; at most 1000 are allowed"));
  f.check_serves();
}

TEST_CASE("image filter: an event that isn't right", "[image]") {
  Fixture f;
  CHECK_THAT(error_of(f.invoke_with("", {{"filter", "blur"}}), "Function.InvalidEvent"),
             Catch::Contains("\"gaussian_blur\""));
  CHECK_THAT(error_of(f.invoke_with("", {{"filtre", "blur"}}), "Function.InvalidEvent"),
             Catch::Contains("filtre"));
  f.check_serves();
}
