#include "text/json.hpp"

#include <cstddef>
#include <string>

#include "support/catch.hpp"
#include "text/utf8.hpp"

using lambda::text::JsonLimits;
using lambda::text::read_json;
using nlohmann::json;

namespace {

constexpr JsonLimits small{.max_bytes = 1000, .max_depth = 10};

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

std::string flaw_of(const std::string& text, const JsonLimits& limits = small) {
  const auto [value, flaw] = read_json(text, limits);
  CHECK(value.is_discarded() == !flaw.empty());
  CHECK(flaw.size() < 400);
  CHECK(flaw.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
  CHECK(lambda::text::is_valid_utf8(flaw));
  return flaw;
}

}  // namespace

TEST_CASE("json: a value within the limits is read") {
  CHECK(read_json(R"( {"a": [1, 2.5, "b\u0000", null]} )", small).value ==
        json({{"a", {1, 2.5, std::string("b\0", 2), nullptr}}}));
  CHECK(flaw_of(nested(10)).empty());
  CHECK(flaw_of(R"([{"a":[{"b":[{"c":[{"d":[{}]}]}]}]}])").empty());
  CHECK(flaw_of('"' + std::string(998, 'x') + '"').empty());
}

TEST_CASE("json: what nests too deeply is refused before there is a value") {
  CHECK(flaw_of(nested(11)) == "nests deeper than 10 levels");
  CHECK(flaw_of(R"([{"a":[{"b":[{"c":[{"d":[{"e":0}]}]}]}]},[]])").empty());
  CHECK(flaw_of(R"([{"a":[{"b":[{"c":[{"d":[{"e":[]}]}]}]}]}])") == "nests deeper than 10 levels");
  const JsonLimits large{.max_bytes = 10'000'000, .max_depth = 1000};
  CHECK(flaw_of(std::string(5'000'000, '['), large) == "nests deeper than 1000 levels");
  CHECK(flaw_of(nested(2'000'000), large) == "nests deeper than 1000 levels");
}

TEST_CASE("json: only brackets outside of strings are levels, and each that closes is one less") {
  CHECK(flaw_of('"' + std::string(50, '[') + '"').empty());
  CHECK(flaw_of(R"(["\"[[[[[[[[[[[[[[", "\\\\"])").empty());
  CHECK(flaw_of(R"(["\\\\",[[[[[[[[[[]]]]]]]]]]])") == "nests deeper than 10 levels");
  std::string wide = "[";
  for (int i = 0; i < 100; ++i) wide += "[{}],";
  CHECK(flaw_of(wide + "0]").empty());
}

TEST_CASE("json: a NUL byte is none of it, wherever it is") {
  const std::string nul(1, '\0');
  for (const std::string& text :
       {nul, "{}" + nul, "{}" + nul + "garbage", nul + "{}", "[" + nul + "]", "\"a" + nul + "\""}) {
    CHECK(flaw_of(text) == "is not JSON: it holds a NUL byte");
  }
}

TEST_CASE("json: what is too long is refused, whatever it is") {
  CHECK(flaw_of(std::string(1001, '[')) == "is too long: 1001 bytes; at most 1000 are allowed");
  CHECK(flaw_of("1" + std::string(1000, ' ')) ==
        "is too long: 1001 bytes; at most 1000 are allowed");
}

TEST_CASE("json: what isn't JSON is said in one short line") {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[1,]"), std::string("NaN"),
        std::string("\xFF"), std::string("\"\xC3\""), std::string("1 2"), std::string("1e999"),
        std::string("\"\\ud800\""), '"' + std::string(900, 'x'), std::string("\"a\nb\""),
        std::string("\xEF\xBB")}) {
    CHECK_THAT(flaw_of(text), Catch::StartsWith("is not JSON: "));
  }
}
