#include "text/utf8.hpp"

#include <string>

#include "support/catch.hpp"

using namespace lambda::text;

TEST_CASE("utf8: valid text of every length of sequence") {
  CHECK(is_valid_utf8(""));
  CHECK(is_valid_utf8("plain"));
  CHECK(is_valid_utf8(std::string(1000, 'x')));
  CHECK(is_valid_utf8("Krankenhaus M\xC3\xBCnchen"));
  CHECK(is_valid_utf8("\xE2\x82\xAC \xF0\x9F\x8F\xA5"));
  CHECK(is_valid_utf8("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"));
}

TEST_CASE("utf8: overlong forms, surrogates, cut sequences and stray bytes are invalid") {
  for (const auto* bytes :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF0\x9F\x8F", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    CHECK_FALSE(is_valid_utf8(bytes));
    CHECK_FALSE(is_valid_utf8("sixteen bytes...." + std::string{bytes} + "sixteen bytes...."));
  }
}

TEST_CASE("utf8: an excerpt is valid, short, and cut between characters") {
  CHECK(printable_excerpt("short") == "short");
  CHECK(printable_excerpt("a\r\n\x1B[1m\tz\x7F") == "a   [1m\tz ");
  CHECK(printable_excerpt("a\xFFz") == "a\xEF\xBF\xBDz");
  CHECK(printable_excerpt("12345678", 4) == "1234\xE2\x80\xA6");
  CHECK(printable_excerpt("123\xC3\xBC", 4) == "123\xE2\x80\xA6");
  CHECK(is_valid_utf8(printable_excerpt(std::string(500, '\x80'))));
}
