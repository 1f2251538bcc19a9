// What nobody sends by chance, to every handler as it runs on AWS: a real process behind a real
// socket refuses it in one line and serves the next call.

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "image_filter/png.hpp"
#include "lambda/support/files.hpp"
#include "local_api.hpp"
#include "replies.hpp"
#include "support/catch.hpp"
#include "text/utf8.hpp"

using lambda::HttpResponse;
using lambda::testing::error_of;
using lambda::testing::LocalApi;
using lambda::testing::message_of;
using lambda::testing::result_of;
using nlohmann::json;

namespace {

constexpr std::size_t largest = 6 * 1024 * 1024;  // bytes of an event, Lambda's limit

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

/// As many elements as an event may hold.
std::string long_array(const std::string& element) {
  std::string text = "[";
  while (text.size() + element.size() + 64 < largest) text += element + ",";
  return text + element + "]";
}

/// A field of every handler's, and one that none knows.
std::string everywhere(const std::string& value) {
  return R"({"count":)" + value + R"(,"data":)" + value + R"(,"input":)" + value +
         R"(,"unknown":)" + value + "}";
}

std::vector<std::string> hostile_events() {
  const std::string third(largest / 3 - 64, 'x');
  return {"NaN",
          "[1e400]",
          "\"\xFF\"",
          "\"\\ud800\"",
          std::string("{}\0more", 7),
          nested(100'000),
          nested(largest / 2),
          everywhere(nested(900)),
          everywhere("9007199254740993"),
          everywhere("-0.0"),
          everywhere("1e308"),
          everywhere("null"),
          everywhere("\"a\\u0000b\""),
          everywhere("\"line\\nbreak\""),
          "{\"" + third + "\":\"" + third + "\",\"input\":\"" + third + "\"}",
          "{\"data\":" + long_array("-1.5e-300") + ",\"unknown\":1}",
          "{\"data\":" + long_array("{}") + "}"};
}

void check_refusal(const std::string& message) {
  INFO(message);
  CHECK_FALSE(message.empty());
  CHECK(message.size() < 1000);
  CHECK(message.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
  CHECK(lambda::text::is_valid_utf8(message));
}

/// A PNG of these chunks.
std::string png_of(const std::vector<std::pair<std::string, std::string>>& chunks) {
  const auto number = [](std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  };
  std::string png = "\x89PNG\r\n\x1a\n";
  for (const auto& [type, data] : chunks) {
    const std::string body = type + data;
    const auto sum =
        ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    png += number(static_cast<std::uint32_t>(data.size())) + body +
           number(static_cast<std::uint32_t>(sum));
  }
  return png;
}

/// `width` x `height` pixels of gray, 8 bits each.
std::string gray_header(const std::string& width, const std::string& height) {
  return width + height + std::string("\x08\0\0\0\0", 5);
}

std::string deflated(const std::string& bytes) {
  uLongf size = ::compressBound(static_cast<uLong>(bytes.size()));
  std::string out(size, '\0');
  REQUIRE(::compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                      reinterpret_cast<const Bytef*>(bytes.data()),
                      static_cast<uLong>(bytes.size()), 9) == Z_OK);
  out.resize(size);
  return out;
}

}  // namespace

TEST_CASE("hostile calls: every handler refuses them and serves the next", "[hostile]") {
  const auto [bootstrap, right] = GENERATE(table<std::string, std::string>({
      {BCRYPT_BOOTSTRAP, R"({"count":1,"mode":"auto"})"},
      {CSV_ETL_BOOTSTRAP, ""},
      {CSV_TRANSFORM_BOOTSTRAP, ""},
      {IMAGE_FILTER_BOOTSTRAP, ""},
      {STATISTICS_BOOTSTRAP, R"({"algorithm":"standard","data":[{"values":[1,2]}]})"},
  }));
  INFO(bootstrap);
  LocalApi api({"--env", "WORKER_COUNT=2", "--", bootstrap});
  for (const auto& event : hostile_events()) {
    INFO(event.substr(0, 100));
    check_refusal(message_of(error_of(api.invoke(event))));
  }
  CHECK(api.invoke(everywhere('"' + std::string(10'000'000, 'x') + '"')).status == 413);
  if (!right.empty()) result_of(api.invoke(right));
  CHECK_THAT(api.log(), !Catch::Contains("bootstrap has ended"));
}

TEST_CASE("hostile calls: image bombs take neither memory nor the process", "[hostile]") {
  const test::TemporaryDirectory folder;
  LocalApi api({"--env", "WORKER_COUNT=2", "--env", "IMAGE_FILTER_OUTPUT=" + folder.file("out.png"),
                "--", IMAGE_FILTER_BOOTSTRAP});
  const std::string million("\0\x0f\x42\x40", 4), thousands("\0\0\x1b\x58", 4);  // 7000
  // 49 million pixels, which is allowed, in some 50 kB; of them a row, too many, and nothing.
  const std::string rows = deflated(std::string(std::size_t{7001} * 7000, '\0'));
  const std::vector<std::string> bombs{
      png_of({{"IHDR", gray_header(million, million)}, {"IDAT", rows}, {"IEND", ""}}),
      png_of({{"IHDR", gray_header("\xff\xff\xff\xff", "\xff\xff\xff\xff")}, {"IEND", ""}}),
      png_of({{"IHDR", gray_header(thousands, thousands)},
              {"IDAT", deflated(std::string(7001, '\0'))},
              {"IEND", ""}}),
      png_of({{"IHDR", gray_header(thousands, thousands)}, {"IEND", ""}}),
      png_of({{"IHDR", gray_header(thousands, thousands)}, {"IDAT", ""}}),
      // A text that unpacks to 49 MB, in a chunk that nobody needs.
      png_of({{"IHDR", gray_header(thousands, thousands)},
              {"zTXt", std::string("a\0\0", 3) + rows},
              {"IEND", ""}})};
  for (const auto& bomb : bombs) {
    const json event{{"input", folder.write("in.png", bomb)}, {"filter", "invert"}};
    check_refusal(error_of(api.invoke(event.dump()), "Function.InvalidInput"));
  }
  namespace filter = lambda::image_filter;
  const auto good = folder.write("in.png", filter::encode_png(filter::Image{2, 1, 3}, {}));
  CHECK(result_of(api.invoke(json{{"input", good}, {"filter", "invert"}}.dump()))["width"] == 2);
  CHECK_THAT(api.log(), !Catch::Contains("bootstrap has ended"));
}
