// Random files against a plain implementation: one character at a time, maps, no cuts, no batches.
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "lambda/csv/plain_aggregate.hpp"
#include "lambda/csv/random_text.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_etl;

using test::random_text;
using test::Shape;

namespace {

void check_against_reference(const std::string& text, const Shape& shape) {
  const auto [groups, bad_lines] = testing::plain_aggregate(text, shape.columns, shape.field_count);
  for (const std::size_t parts : {1U, 2U, 3U, 17U}) {
    for (const int workers : {1, 3}) {
      tbb::task_arena arena{workers};
      const auto result = arena.execute([&] { return aggregate(text, {.parts = parts}); });
      INFO("parts: " << parts << ", workers: " << workers << "\ntext: " << text.substr(0, 4000));
      REQUIRE(result.groups == groups);
      REQUIRE(result.bad_rows == bad_lines.size());
      const auto samples = std::min(bad_lines.size(), max_bad_row_samples);
      REQUIRE(result.bad_row_samples.size() == samples);
      for (std::size_t i = 0; i < samples; ++i) {
        REQUIRE(result.bad_row_samples[i].line == bad_lines[i]);
      }
    }
  }
}

}  // namespace

TEST_CASE("reference: random files give what a plain implementation gives") {
  const tbb::global_control threads{tbb::global_control::max_allowed_parallelism, 4};
  const std::vector<std::pair<std::array<std::size_t, 4>, std::size_t>> orders{
      {{0, 1, 2, 3}, 4},
      {{0, 1, 2, 3}, 5},
      {{3, 1, 2, 0}, 4},
      {{5, 0, 3, 1}, 7},
      {{2, 40, 70, 1}, 80}};
  std::mt19937 random{20261120};
  for (int round = 0; round < 12; ++round) {
    for (const auto& [columns, field_count] : orders) {
      for (const std::size_t names : {2U, 12U, 90U}) {
        // Hardly odd, so that long runs of plain rows occur, and very odd.
        const Shape shape{columns, field_count, names, round % 3 == 0 ? 4U : 60U, round % 2 == 0};
        check_against_reference(random_text(random, shape, random() % 300), shape);
      }
    }
  }
}

TEST_CASE("reference: more names and pairs than have numbers and lines") {
  std::mt19937 random{3};
  const Shape shape{{0, 1, 2, 3}, 4, 400, 100, false};
  check_against_reference(random_text(random, shape, 20'000), shape);
}

TEST_CASE("reference: quotes that begin late in a file and hold newlines at the cuts") {
  std::mt19937 random{4};
  const Shape shape{{0, 1, 2, 3}, 4, 12, 1'000'000, false};
  auto text = random_text(random, shape, 4000);
  REQUIRE(text.size() > 64 * 1024);
  REQUIRE(text.find('"') == std::string::npos);
  if (text.back() != '\n') text += '\n';
  for (int i = 0; i < 300; ++i) {
    text += "H1,\"D1\n";
    for (int lines = 0; lines < 60; ++lines) text += "H2,D2,T2,5\n";
    text += "\",T1,7\n";
  }
  check_against_reference(text, shape);
}
