#include "csv_etl/short_names.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

// The number of the name that stands in `text` at 8, up to `size` bytes.
ShortNames::Number found_in(const ShortNames& names, std::string_view text, std::size_t size) {
  const auto number = names.candidate(text.data() + 8, size);
  const auto& name = names.name(number);
  for (std::size_t i = 0; i < ShortNames::compared_bytes; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[8 + i]);
    if ((byte & name.mask[i]) != name.bytes[i]) return 0;
  }
  return number;
}

ShortNames::Number find(const ShortNames& names, const std::string& name, char delimiter) {
  return found_in(names, "beside,," + name + delimiter + std::string(40, 'z'), name.size());
}

}  // namespace

TEST_CASE("short names: numbers from 1 on, found whatever stands beside the name") {
  const auto names = std::make_unique<ShortNames>(10, ',');
  CHECK(names->add("a") == 1);
  CHECK(names->add("abcdefgh") == 2);
  CHECK(names->add("abcdefghi") == 3);
  CHECK(names->add(std::string(31, 'x')) == 4);
  CHECK(find(*names, "a", ',') == 1);
  CHECK(find(*names, "abcdefgh", ',') == 2);
  CHECK(find(*names, "abcdefghi", ',') == 3);
  CHECK(find(*names, std::string(31, 'x'), ',') == 4);
  CHECK(find(*names, "abcdefgh", '\n') == 0);
  CHECK(find(*names, "abcdefgx", ',') == 0);
  CHECK(find(*names, "", ',') == 0);
}

TEST_CASE("short names: what doesn't fit, or can't stand without quotes, has no number") {
  const auto names = std::make_unique<ShortNames>(2, '\n');
  for (const auto* name : {"", "a,b", ",", "a\nb", "a\r", "a\"b"}) CHECK(names->add(name) == 0);
  CHECK(names->add(std::string(32, 'x')) == 0);
  CHECK(names->add("a") == 1);
  CHECK(names->add("b") == 2);
  CHECK(names->add("c") == 0);
}

TEST_CASE("short names: number 0 is equal to nothing, also where slots are empty") {
  const auto names = std::make_unique<ShortNames>(2, ',');
  CHECK(find(*names, "a", ',') == 0);
  // As many delimiters as number 0 has would be one empty field after the other.
  const auto& nobody = names->name(0);
  CHECK(std::count(nobody.mask.begin(), nobody.mask.end(), 0xFF) == 32);
  CHECK(std::count(nobody.bytes.begin(), nobody.bytes.end(), ',') == 32);
}
