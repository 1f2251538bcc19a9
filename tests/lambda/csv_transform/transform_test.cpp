#include "csv_transform/transform.hpp"

#include <asio/error.hpp>
#include <random>
#include <string>
#include <system_error>

#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_transform;

namespace {

const std::string csv_header = "id,count,mean,median,std_dev,outliers\n";

Transformed of(std::string_view text, const TransformOptions& options = {.has_header = false}) {
  return transform(text, options, {});
}

std::string output_of(std::string_view text, const TransformOptions& options) {
  return std::string{of(text, options).output.view()};
}

// The rows of the CSV, without its header.
std::string rows_of(std::string_view text) {
  const auto output = output_of(text, {.has_header = false});
  REQUIRE(output.starts_with(csv_header));
  return output.substr(csv_header.size());
}

std::string json_of(std::string_view text) {
  return output_of(text, {.has_header = false, .format = Format::json_lines});
}

// "line: reason: text" of the only bad row.
std::string bad_row_of(std::string_view text) {
  const auto result = of(text);
  CHECK(result.rows == 0);
  CHECK(result.bad_rows == 1);
  REQUIRE(result.bad_row_samples.size() == 1);
  const auto& bad = result.bad_row_samples[0];
  return std::to_string(bad.line) + ": " + bad.reason + ": " + bad.text;
}

}  // namespace

TEST_CASE("transform: a row of statistics per row of values") {
  CHECK(rows_of("a,1,2,3\nb,5\n") == "a,3,2,2,0.816496580927726,\nb,1,5,5,0,\n");
  CHECK(rows_of("a,0,0,0,0,0,-40,50") == "a,7,1.4285714285714286,0,24.159335036125373,-40;50\n");
  CHECK(json_of("a,1,2\nb,0,0,0,0,0,-40,50") ==
        "{\"id\":\"a\",\"count\":2,\"mean\":1.5,\"median\":1.5,\"std_dev\":0.5,\"outliers\":[]}\n"
        "{\"id\":\"b\",\"count\":7,\"mean\":1.4285714285714286,\"median\":0,"
        "\"std_dev\":24.159335036125373,\"outliers\":[-40,50]}\n");
}

TEST_CASE("transform: the header is skipped, whatever it says, or there is none") {
  CHECK(output_of("a,1\nb,2\n", {.has_header = true}) == csv_header + "b,1,2,2,0,\n");
  CHECK(output_of("\"a\n\",1\r\nb,2\n", {.has_header = true}) == csv_header + "b,1,2,2,0,\n");
  CHECK(output_of("a,1", {.has_header = true}) == csv_header);
  CHECK(rows_of("a,1\nb,2\n") == "a,1,1,1,0,\nb,1,2,2,0,\n");
}

TEST_CASE("transform: texts as RFC 4180 has them") {
  CHECK(rows_of("\xEF\xBB\xBF"
                "a,1\r\n\r\n\nb,2") == "a,1,1,1,0,\nb,1,2,2,0,\n");
  CHECK(rows_of("\"a,\"\"b\"\"\n\",\"1\", 3 \n") == "\"a,\"\"b\"\"\n\",2,2,2,1,\n");
  CHECK(rows_of("a\rb,1") == "\"a\rb\",1,1,1,0,\n");
  CHECK(json_of("\"a,\"\"b\"\"\n\",1") ==
        "{\"id\":\"a,\\\"b\\\"\\n\",\"count\":1,\"mean\":1,\"median\":1,\"std_dev\":0,"
        "\"outliers\":[]}\n");
  CHECK(json_of("\\\x01M\xC3\xBC,1").starts_with("{\"id\":\"\\\\\\u0001M\xC3\xBC\","));
  CHECK(json_of("M\xC3\xBC,1").starts_with("{\"id\":\"M\xC3\xBC\","));
}

TEST_CASE("transform: a row of any length") {
  std::string text = "short,1\n";
  for (const int count : {63, 64, 65, 500, 100'000}) {
    text += "n" + std::to_string(count);
    for (int i = 1; i <= count; ++i) text += "," + std::to_string(i);
    text += '\n';
  }
  text += "short,2\n";
  const auto result = of(text);
  CHECK(result.rows == 7);
  CHECK(result.totals.values == 1 + 63 + 64 + 65 + 500 + 100'000 + 1);
  CHECK(result.totals.min == 1.0);
  CHECK(result.totals.max == 100'000.0);
  CHECK(std::string{result.output.view()}.find("\nn100000,100000,50000.5,50000.5,28867.5134") !=
        std::string::npos);
}

TEST_CASE("transform: bad rows are named and take no other with them") {
  CHECK(bad_row_of("a,1,x,3") == "1: value 2 is not a decimal number: x");
  CHECK(bad_row_of("a,nan") == "1: value 1 is not a decimal number: nan");
  CHECK(bad_row_of("a,1,-inf") == "1: value 2 is not a decimal number: -inf");
  CHECK(bad_row_of("a,1,,3") == "1: value 2 is empty: a,1,,3");
  CHECK(bad_row_of("a,1, ") == "1: value 2 is empty: a,1, ");
  CHECK(bad_row_of("a,\"\"") == "1: value 1 is empty: a,\"\"");
  CHECK(bad_row_of("a,1e999") == "1: value 1 is out of a double's range: 1e999");
  CHECK(bad_row_of("a,1e308,1e308") ==
        "1: the values are too large for their statistics: a,1e308,1e308");
  CHECK(bad_row_of("a") == "1: no value after the id: a");
  CHECK(bad_row_of(",1") == "1: the id is empty: ,1");
  CHECK(bad_row_of("\n\n\"a\"b,1") == "3: quote out of place: \"a\"b,1");
  CHECK(bad_row_of("\xFF,1") == "1: not valid UTF-8: \xEF\xBF\xBD,1");
  CHECK(rows_of("a,1\nb,x\n\"c\nd,2\ne,3\n") == "a,1,1,1,0,\nd,1,2,2,0,\ne,1,3,3,0,\n");
}

TEST_CASE("transform: the first bad rows are kept with the lines that an editor shows") {
  std::string text = "header\n";
  for (int i = 0; i < 100; ++i) text += "\"two\nlines\",1\nbad,x" + std::to_string(i) + "\n";
  const auto result = transform(text, {.parts = 13}, {});
  CHECK(result.rows == 100);
  CHECK(result.bad_rows == 100);
  REQUIRE(result.bad_row_samples.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(result.bad_row_samples[i].line == 4 + 3 * i);
    CHECK(result.bad_row_samples[i].text == "x" + std::to_string(i));
  }
}

TEST_CASE("transform: totals") {
  const auto result = of("a,1,2,3\nb,-5,x\nc,-4,0,0,0,0,50\n");
  CHECK(result.totals == Totals{9, 2, -4.0, 50.0});
  CHECK(of("a,x").totals == Totals{});
}

TEST_CASE("transform: no result depends on the cuts") {
  std::mt19937 random{5};
  const std::string ids[] = {"a", "\"b\n,\"", "\"\"\"\"", "c\"", "", "\"d"};
  const std::string values[] = {"1", "2.5", "x", "\"3\"", "\"4\n\"", "1e3"};
  for (int round = 0; round < 30; ++round) {
    std::string text;
    for (int row = 0; row < 60; ++row) {
      text += ids[random() % 6];
      for (auto i = random() % 5; i > 0; --i) text += ',' + values[random() % 6];
      text += random() % 2 == 0 ? "\n" : "\r\n";
    }
    const auto whole = of(text, {.has_header = false, .parts = 1});
    for (const std::size_t parts : {2U, 3U, 7U, 50U, 500U}) {
      const auto cut = of(text, {.has_header = false, .parts = parts});
      CHECK(cut.output.view() == whole.output.view());
      CHECK(cut.rows == whole.rows);
      CHECK(cut.bad_rows == whole.bad_rows);
      CHECK(cut.bad_row_samples == whole.bad_row_samples);
      CHECK(cut.totals == whole.totals);
    }
  }
}

TEST_CASE("transform: no input at all") {
  const auto error_of = [](std::string_view text, bool has_header) {
    return test::message_of<InputError>([&] { return of(text, {.has_header = has_header}); });
  };
  CHECK(error_of("", true) == "the input is empty; it needs a header row with an id and values");
  CHECK(error_of("\n\r\n", false) == "the input is empty; it needs rows with an id and values");
  CHECK(error_of("\xEF\xBB\xBF", false) ==
        "the input is empty; it needs rows with an id and values");
  CHECK(error_of("\xFF\xFE"
                 "a",
                 true) == "the input is UTF-16, but must be UTF-8");
}

TEST_CASE("transform: whoever asks to stop gets no result") {
  std::stop_source stop;
  stop.request_stop();
  std::error_code error;
  try {
    static_cast<void>(transform("a,1", {}, stop.get_token()));
  } catch (const std::system_error& stopped) {
    error = stopped.code();
  }
  CHECK(error == asio::error::operation_aborted);
}
