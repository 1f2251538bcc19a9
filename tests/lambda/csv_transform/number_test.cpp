#include "csv_transform/number.hpp"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

#include "support/catch.hpp"

using namespace lambda::csv_transform;

namespace {

std::string text_of(double value) {
  std::string text;
  append_number(text, value);
  return text;
}

}  // namespace

TEST_CASE("number: what is one") {
  for (const auto* text : {"0",
                           "-0",
                           "1",
                           "+1",
                           "007",
                           "1.5",
                           ".5",
                           "5.",
                           "-.25",
                           "1e3",
                           "1E-3",
                           "+2.5e+2",
                           " 1\t",
                           "123456789012345",
                           "1234567890123456",
                           "12345678901234567890",
                           "0.000000000000001",
                           "999999999999.999",
                           "0.30000000000000004",
                           "1.7976931348623157e308",
                           "5e-324",
                           "2.2250738585072011e-308",
                           "0e999",
                           "9007199254740993"}) {
    INFO(text);
    const auto number = parse_number(text);
    CHECK(number.error == NumberError::none);
    // The C library's own, which knows more than it should but no other numbers.
    const double expected = std::strtod(text, nullptr);
    CHECK(number.value == expected);
    CHECK(std::signbit(number.value) == std::signbit(expected));
  }
}

TEST_CASE("number: what is none") {
  for (const auto* text : {"nan",
                           "NaN",
                           "-nan",
                           "inf",
                           "-inf",
                           "+Infinity",
                           "0x10",
                           "1,5",
                           "1 2",
                           "--1",
                           "+-1",
                           "-+1",
                           "++1",
                           "-",
                           "+",
                           ".",
                           "e5",
                           "1e",
                           "1e+",
                           "abc",
                           "1f",
                           "1_000",
                           "1.2.3",
                           "-.",
                           "\xC2\xA0"
                           "1",
                           "1\"",
                           "\r1"}) {
    INFO(text);
    CHECK(parse_number(text).error == NumberError::not_a_number);
  }
  for (const auto* text : {"", " ", "\t \t"}) CHECK(parse_number(text).error == NumberError::empty);
  for (const auto* text : {"1e309", "-1e400", "1e-400", "1e99999999999"}) {
    INFO(text);
    CHECK(parse_number(text).error == NumberError::out_of_range);
  }
}

TEST_CASE("number: the short way and the long one agree") {
  std::mt19937_64 random{1};
  for (int i = 0; i < 100'000; ++i) {
    std::string text = std::to_string(random() % 1'000'000'000'000'000);
    text.insert(random() % (text.size() + 1), ".");
    if (random() % 2 == 0) text.insert(0, "-");
    const auto number = parse_number(text);
    REQUIRE(number.error == NumberError::none);
    REQUIRE(number.value == std::strtod(text.c_str(), nullptr));
  }
}

TEST_CASE("number: texts") {
  CHECK(text_of(0) == "0");
  CHECK(text_of(-0.0) == "-0");
  CHECK(text_of(100000) == "100000");
  CHECK(text_of(0.1) == "0.1");
  CHECK(text_of(-2.5) == "-2.5");
  CHECK(text_of(1.0 / 3) == "0.3333333333333333");
  CHECK(text_of(0.0001) == "0.0001");
  CHECK(text_of(0.00001) == "1e-05");
  CHECK(text_of(9999999999999998) == "9999999999999998");
  CHECK(text_of(1e16) == "1e+16");
  CHECK(text_of(std::numeric_limits<double>::lowest()) == "-1.7976931348623157e+308");
  CHECK(text_of(-std::numeric_limits<double>::min()) == "-2.2250738585072014e-308");
}
