// What the handler writes, against a calculation that shares no code with it.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "lambda/image_filter/support.hpp"
#include "support/catch.hpp"

using nlohmann::json;

namespace {

const std::vector<json> filters = {
    {{"filter", "grayscale"}},
    {{"filter", "invert"}},
    {{"filter", "sobel"}},
    {{"filter", "gaussian_blur"}, {"sigma", 1.7}},
    {{"filter", "sharpen"}, {"sigma", 0.8}, {"amount", 2.5}},
};

std::vector<std::string> pngs_in(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.path().extension() == ".png") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

TEST_CASE("results: every kind of PNG through every filter") {
  const test::TemporaryDirectory inputs;
  const test::TemporaryDirectory outputs;
  const auto [made, log] = test::images("make", inputs.file(""));
  INFO(log);
  REQUIRE(made == 0);
  test::Function function;
  auto jobs = json::array();
  for (const auto& path : pngs_in(inputs.file(""))) {
    for (json event : filters) {
      event["input"] = path;
      event["output"] = outputs.file(std::to_string(jobs.size()) + ".png");
      INFO(event);
      const auto reply = function.invoke(event);
      CHECK(reply["output_bytes"] == std::filesystem::file_size(reply["output"]));
      jobs.push_back(event);
    }
  }
  CHECK(jobs.size() == 77 * filters.size());
  static_cast<void>(outputs.write("jobs.json", jobs.dump()));
  const auto [status, output] = test::images("check", outputs.file(""));
  CHECK(output == "385 of 385 results equal, 20 of them also Pillow's\n");
  CHECK(status == 0);
}

TEST_CASE("results: a wide kernel and small ones") {
  const test::TemporaryDirectory folder;
  const auto [made, log] = test::images("make", folder.file(""));
  INFO(log);
  REQUIRE(made == 0);
  test::Function function;
  auto jobs = json::array();
  for (const auto* name : {"RGB8", "RGBA8", "L8-tRNS", "pillow-RGBA-515x3", "pillow-LA-1x1"}) {
    for (const double sigma : {0.3, 0.5, 12.0, 50.0}) {
      json event = {{"filter", "gaussian_blur"}, {"sigma", sigma}};
      event["input"] = folder.file(std::string{name} + ".png");
      event["output"] = folder.file("out-" + std::to_string(jobs.size()) + ".png");
      static_cast<void>(function.invoke(event));
      jobs.push_back(event);
    }
  }
  static_cast<void>(folder.write("jobs.json", jobs.dump()));
  const auto [status, output] = test::images("check", folder.file(""));
  CHECK(output == "20 of 20 results equal, 0 of them also Pillow's\n");
  CHECK(status == 0);
}

TEST_CASE("results: the independent calculation notices what is wrong") {
  const test::TemporaryDirectory folder;
  const auto [made, log] = test::images("make", folder.file(""));
  INFO(log);
  REQUIRE(made == 0);
  test::Function function;
  json event = {{"filter", "gaussian_blur"}, {"sigma", 1.5}, {"input", folder.file("RGB8.png")}};
  event["output"] = folder.file("out.png");
  static_cast<void>(function.invoke(event));
  for (const auto& [field, value] : {std::pair<std::string, json>{"sigma", 1.52},
                                     {"filter", "invert"},
                                     {"filter", "grayscale"},
                                     {"input", folder.file("RGB8-tRNS.png")}}) {
    json other = event;
    other[field] = value;
    static_cast<void>(folder.write("jobs.json", json::array({other}).dump()));
    const auto [status, output] = test::images("check", folder.file(""));
    INFO(output);
    CHECK(status == 1);
  }
}

TEST_CASE("results: a photo of 3000 x 2000 pixels and the same bytes with any number of workers") {
  const test::TemporaryDirectory folder;
  const auto photo = folder.file("photo.png");
  const auto [made, log] = test::images("photo", photo);
  INFO(log);
  REQUIRE(made == 0);
  json event = {{"input", photo}, {"filter", "gaussian_blur"}, {"sigma", 1.7}};
  event["output"] = folder.file("out.png");
  test::Function two{2};
  const auto reply = two.invoke(event);
  CHECK(reply["width"] == 3000);
  CHECK(reply["height"] == 2000);
  static_cast<void>(folder.write("jobs.json", json::array({event}).dump()));

  const auto first = test::read(folder.file("out.png"));
  event["output"] = folder.file("again.png");
  for (const int workers : {1, 3}) {
    test::Function function{workers};
    static_cast<void>(function.invoke(event));
    CHECK(test::read(folder.file("again.png")) == first);
  }
  const auto [status, output] = test::images("check", folder.file(""));
  CHECK(output == "1 of 1 results equal, 0 of them also Pillow's\n");
  CHECK(status == 0);
}
