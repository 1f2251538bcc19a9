// CSV files with everything in them that may go wrong, the same for the same seed.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace test {

struct Shape {
  std::array<std::size_t, 4> columns;  // hospital, diagnosis, treatment, recovery time
  std::size_t field_count;
  std::size_t names;  // of each column
  unsigned oddities;  // one row in so many has one
  bool crlf;
};

inline std::string random_text(std::mt19937& random, const Shape& shape, std::size_t rows) {
  const std::array<std::string, 4> titles{"Hospital", "Diagnosis", "Treatment", "Recovery Time"};
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  const auto name = [&](char prefix) -> std::string {
    const auto number = std::to_string(random() % shape.names);
    // Of 1 to 40 bytes, so that some are shorter than a word and some too long to be compared at
    // once; a third holds characters beyond ASCII.
    const auto size = std::hash<std::string>{}(number + prefix) % 40;
    const std::string filler = size % 3 == 0 ? "\xC3\xBC" : size % 3 == 1 ? "x" : " y";
    std::string text = prefix + number;
    while (text.size() < size) text += filler;
    return text;
  };
  const auto odd = [&]() -> std::string {
    static const std::vector<std::string> fields{
        "",          "\"a\"",    "\"a\nb\"",  "\"a\"\"b\"", "\"b,\"",    "\xFF", "a\"b", "\"a",
        "\"a\"x",    "a\rb",     "a,b",       "\"\"",       "\n",        "-1.5", "1e3",  ".5",
        "\"D1\nx\"", "12345678", "123456789", "1.123456",   "1.1234567", "+7",   "5.",   "."};
    return fields[random() % fields.size()];
  };
  const auto time = [&]() -> std::string {
    const auto whole = std::to_string(random() % (one_in(5) ? 100'000'000 : 70));
    return one_in(3) ? whole + '.' + std::to_string(random() % 1000) : whole;
  };
  std::string text;
  for (std::size_t row = 0; row <= rows; ++row) {
    std::vector<std::string> fields(shape.field_count, "note");
    for (std::size_t i = 0; i < 4; ++i) {
      fields[shape.columns[i]] = row == 0 ? titles[i] : i == 3 ? time() : name("HDT"[i]);
    }
    if (row != 0 && one_in(shape.oddities)) fields[random() % fields.size()] = odd();
    for (std::size_t i = 0; i < fields.size(); ++i) text += (i == 0 ? "" : ",") + fields[i];
    if (row != rows || one_in(2)) text += shape.crlf != one_in(50) ? "\r\n" : "\n";
    if (row != 0 && one_in(200)) text += "\n";
  }
  return text;
}

}  // namespace test
