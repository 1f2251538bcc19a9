#include "csv_etl/decimal.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

std::int64_t micros(std::string_view text) {
  const auto parsed = parse_decimal(text);
  REQUIRE(parsed.error == DecimalError::none);
  return parsed.micros;
}

}  // namespace

TEST_CASE("decimal: whole numbers and up to 6 decimals are exact") {
  CHECK(micros("0") == 0);
  CHECK(micros("12") == 12'000'000);
  CHECK(micros("007") == 7'000'000);
  CHECK(micros("123456789") == 123'456'789'000'000);
  CHECK(micros("1234567890") == 1'234'567'890'000'000);
  CHECK(micros("12.5") == 12'500'000);
  CHECK(micros("0.000001") == 1);
  CHECK(micros(".5") == 500'000);
  CHECK(micros("5.") == 5'000'000);
  CHECK(micros("-3.25") == -3'250'000);
  CHECK(micros("+3.25") == 3'250'000);
}

TEST_CASE("decimal: what isn't a plain decimal number is refused") {
  for (const auto* text : {"",         " 1",  "1 ",  "abc",  "NaN", "nan",   "inf",      "-inf",
                           "Infinity", "1e3", "1E3", "0x10", "1,5", "1.2.3", ".",        "-",
                           "+",        "-.",  "--1", "+-1",  "1-",  "1_000", "\xD9\xA1", "12\r"}) {
    CAPTURE(text);
    CHECK(parse_decimal(text).error == DecimalError::not_a_number);
  }
}

TEST_CASE("decimal: a seventh decimal is refused, not rounded away") {
  CHECK(parse_decimal("1.0000001").error == DecimalError::too_many_decimals);
  CHECK(parse_decimal("1.0000000").error == DecimalError::too_many_decimals);
  CHECK(parse_decimal("1.0000000x").error == DecimalError::not_a_number);
}

TEST_CASE("decimal: the range is that of int64 in millionths, and nothing wraps") {
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  CHECK(micros("9223372036854.775807") == max);
  CHECK(micros("-9223372036854.775807") == -max);
  CHECK(parse_decimal("9223372036854.775808").error == DecimalError::out_of_range);
  CHECK(parse_decimal("9223372036855").error == DecimalError::out_of_range);
  CHECK(parse_decimal("18446744073709551616").error == DecimalError::out_of_range);
  CHECK(parse_decimal(std::string(1000, '9')).error == DecimalError::out_of_range);
  CHECK(parse_decimal(std::string(1000, '9') + "x").error == DecimalError::not_a_number);
}

TEST_CASE("average: printed as the shortest decimal text that reads back the same") {
  const auto text = [](std::int64_t sum, std::uint64_t count) {
    return shortest_text(average(sum, count));
  };
  CHECK(text(0, 3) == "0");
  CHECK(text(90'000'000, 3) == "30");
  CHECK(text(65'000'000, 2) == "32.5");
  CHECK(text(10'000'000, 3) == "3.3333333333333335");
  CHECK(text(20'000'000, 3) == "6.666666666666667");
  CHECK(text(-20'000'000, 3) == "-6.666666666666667");
  CHECK(text(300'000, 1) == "0.3");  // 0.1 + 0.2, exactly
  CHECK(text(100'000'000'000, 1) == "100000");
  CHECK(text(1, 1'000'000) == "0.000000000001");
}

TEST_CASE("average: rounds once, also beyond the 53 bits of a double") {
  // Expected values: float(Fraction(sum, count * 10**6)) in Python, which rounds correctly.
  // float(sum) / float(count * 10**6), which rounds twice, differs in the last digit of each.
  CHECK(average(WideSum{5258986265376043509}, 868) == 6058739937.069175);
  CHECK(average(WideSum{4154830492154097476}, 484) == 8584360520.97954);
  CHECK(average(WideSum{7404550121351207166}, 235) == 31508723920.643436);
  CHECK(average(WideSum{-3524995692153572057}, 703) == -5014218623.262549);
  CHECK(average(WideSum{9223372036854775807} * 3, 5) == 5534023222112.865);
}

TEST_CASE("decimal: the way for short numbers agrees with the other on every short text") {
  constexpr std::string_view alphabet = "059.-/:\xC3 ";
  for (std::size_t size = 0; size <= 5; ++size) {
    std::size_t texts = 1;
    for (std::size_t i = 0; i < size; ++i) texts *= alphabet.size();
    for (std::size_t number = 0; number < texts; ++number) {
      std::string text = "7.,99999";  // stands before it
      auto rest = number;
      for (std::size_t i = 0; i < size; ++i, rest /= alphabet.size()) {
        text += alphabet[rest % alphabet.size()];
      }
      const auto expected = parse_decimal(std::string_view{text}.substr(8));
      std::int64_t micros = 0;
      const bool parsed = parse_short_decimal(text.data() + text.size(), size, micros);
      INFO(text);
      if (parsed) {
        REQUIRE(expected.error == DecimalError::none);
        REQUIRE(micros == expected.micros);
      } else {
        // It may leave to the other what has a sign, nothing else that is right.
        REQUIRE((expected.error != DecimalError::none || text.find('-', 8) != std::string::npos));
      }
    }
  }
}

TEST_CASE("decimal: the way for short numbers ends at 8 bytes and 6 decimals") {
  const auto parsed = [](std::string_view text) {
    const auto padded = "        " + std::string{text};
    std::int64_t micros = -1;
    return parse_short_decimal(padded.data() + padded.size(), text.size(), micros) ? micros : -1;
  };
  CHECK(parsed("99999999") == 99'999'999'000'000);
  CHECK(parsed("1.123456") == 1'123'456);
  CHECK(parsed(".1234567") == -1);
  CHECK(parsed("123456789") == -1);
  CHECK(parsed("0000000000000001") == -1);
  CHECK(parsed("1.12345.") == -1);
}
