#include "millrace/detail/config_text.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "millrace/detail/suggestion.hpp"
#include "support/catch.hpp"

namespace detail = millrace::detail;
using namespace std::chrono_literals;

TEST_CASE("a duration is a whole number with its unit [P43]") {
  const auto parsed = [](std::string_view text) {
    std::chrono::nanoseconds value = -7ns;
    REQUIRE(detail::parse_duration(text, value));
    return value;
  };
  CHECK(parsed("0") == 0ns);
  CHECK(parsed("0s") == 0ns);
  CHECK(parsed("1ns") == 1ns);
  CHECK(parsed("100us") == 100us);
  CHECK(parsed("2ms") == 2ms);
  CHECK(parsed("007s") == 7s);
  CHECK(parsed("9223372036854775807ns") == std::chrono::nanoseconds::max());
  CHECK(parsed("9223372036s") == 9223372036s);
}

TEST_CASE("what is no duration is refused and changes nothing [P43]") {
  for (const std::string_view text : {"",
                                      " ",
                                      "s",
                                      "ns",
                                      "1",
                                      "00",
                                      "100",
                                      "-1ms",
                                      "+1ms",
                                      "1.5ms",
                                      "1e3ms",
                                      "1 ms",
                                      " 1ms",
                                      "1ms ",
                                      "1ms,",
                                      "1ms2",
                                      "1msms",
                                      "1MS",
                                      "1min",
                                      "0x1s",
                                      "\t1s",
                                      "9223372036854775808ns",
                                      "9223372037s",
                                      "18446744073709551616ns",
                                      "99999999999999999999999s"}) {
    CAPTURE(text);
    std::chrono::nanoseconds value = -7ns;
    CHECK_FALSE(detail::parse_duration(text, value));
    CHECK(value == -7ns);
  }
  std::chrono::nanoseconds value = -7ns;
  CHECK_FALSE(detail::parse_duration(std::string_view("1ms\0", 4), value));
}

TEST_CASE("a size is a number of bytes or has a unit [P43]") {
  const auto parsed = [](std::string_view text) {
    std::size_t value = 7;
    REQUIRE(detail::parse_size(text, value));
    return value;
  };
  CHECK(parsed("0") == 0);
  CHECK(parsed("131072") == 131072);
  CHECK(parsed("5B") == 5);
  CHECK(parsed("128KiB") == 131072);
  CHECK(parsed("8MiB") == std::size_t{8} << 20);
  CHECK(parsed("1GiB") == std::size_t{1} << 30);
  CHECK(parsed("18446744073709551615") == ~std::size_t{0});
  CHECK(parsed("17179869183GiB") == std::size_t{17179869183} << 30);
}

TEST_CASE("what is no size is refused and changes nothing [P43]") {
  for (const std::string_view text :
       {"", " ", "B", "KiB", "-1", "-1KiB", "+1", "1.5MiB", "1 KiB", " 1", "1 ", "1K", "1kB", "1KB",
        "1kib", "1KiBB", "1KiB;", "18446744073709551616", "17179869184GiB"}) {
    CAPTURE(text);
    std::size_t value = 7;
    CHECK_FALSE(detail::parse_size(text, value));
    CHECK(value == 7);
  }
}

TEST_CASE("whole numbers and booleans are read to their last character [P43]") {
  int number = 7;
  CHECK(detail::parse_number("-20", number));
  CHECK(number == -20);
  for (const std::string_view text :
       {"", " ", "4 ", " 4", "+4", "4x", "0x4", "4.0", "2147483648"}) {
    CAPTURE(text);
    CHECK_FALSE(detail::parse_number(text, number));
    CHECK(number == -20);
  }
  std::size_t count = 7;
  CHECK_FALSE(detail::parse_number("-1", count));
  CHECK(count == 7);

  bool truth = false;
  CHECK(detail::parse_bool("true", truth));
  CHECK(truth);
  for (const std::string_view text : {"", "True", "1", "yes", "true ", "false\n"}) {
    CAPTURE(text);
    CHECK_FALSE(detail::parse_bool(text, truth));
    CHECK(truth);
  }
  CHECK(detail::parse_bool("false", truth));
  CHECK_FALSE(truth);
}

TEST_CASE("an unknown name is answered with the nearest or with all") {
  const std::vector<std::string> names{"threads", "thread_name", "nice"};
  CHECK(detail::edits("", "abc") == 3);
  CHECK(detail::edits("kitten", "sitting") == 3);
  CHECK(detail::edits("same", "same") == 0);
  CHECK(detail::suggestion("thread", names) == "did you mean threads?");
  CHECK(detail::suggestion("threadname", names) == "did you mean thread_name?");
  CHECK(detail::suggestion("ncie", names) == "did you mean nice?");
  CHECK(detail::suggestion("colour", names) == "must be one of threads, thread_name, nice");
}
