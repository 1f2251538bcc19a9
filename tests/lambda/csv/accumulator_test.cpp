#include "csv_etl/accumulator.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "csv_etl/header.hpp"
#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

// (diagnosis, hospital, treatment) -> (sum, rows, first offset), by name: ids depend on the order.
using Key = std::tuple<std::string, std::string, std::string>;
using Value = std::tuple<std::int64_t, std::uint64_t, std::uint64_t>;

std::map<Key, Value> cells_of(const Accumulator& accumulator) {
  std::map<Key, Value> cells;
  for (const auto& cell : accumulator.cells()) {
    const Key key{accumulator.diagnoses().names()[cell.diagnosis],
                  accumulator.hospitals().names()[cell.hospital],
                  accumulator.treatments().names()[cell.treatment]};
    cells[key] = {static_cast<std::int64_t>(cell.totals.sum_micros), cell.totals.rows,
                  cell.totals.first_offset};
  }
  REQUIRE(cells.size() == accumulator.cells().size());
  return cells;
}

}  // namespace

TEST_CASE("accumulator: shares of any parts, taken and merged in any order, are equal") {
  std::mt19937 random{1};
  const std::vector<std::string> names{"a", "b", "\"c \"\"c\"\"\"", "\"d\nd\""};
  const auto name = [&] { return names[random() % names.size()]; };
  std::string text = "Hospital,Diagnosis,Treatment,Recovery Time\n";
  std::vector<std::size_t> row_begins;
  for (int row = 0; row < 300; ++row) {
    row_begins.push_back(text.size());
    const auto* const time = random() % 10 == 0 ? "bad" : "1.5";
    text += name() + ',' + name() + ',' + name() + ',' + time + '\n';
  }
  row_begins.push_back(text.size());
  const auto header = parse_header(text);

  Accumulator whole{header};
  whole.add_part(text, header.body_begin, text.size());
  const auto expected = cells_of(whole);
  CHECK(expected.size() > 50);

  for (int round = 0; round < 50; ++round) {
    std::vector<std::size_t> parts(row_begins.size() - 1);
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = i;
    std::shuffle(parts.begin(), parts.end(), random);
    std::vector<Accumulator> shares;
    for (auto i = 1 + random() % 5; i != 0; --i) shares.emplace_back(header);
    for (const auto part : parts) {
      shares[random() % shares.size()].add_part(text, row_begins[part], row_begins[part + 1]);
    }
    Accumulator total{header};
    for (const auto& share : shares) total.merge(share);
    shares.clear();  // the total must not point into them
    REQUIRE(cells_of(total) == expected);
    REQUIRE(total.rows() == whole.rows());
    REQUIRE(total.bad_rows() == whole.bad_rows());
    REQUIRE(total.bad_row_samples().size() == whole.bad_row_samples().size());
    for (std::size_t i = 0; i < total.bad_row_samples().size(); ++i) {
      REQUIRE(total.bad_row_samples()[i].offset == whole.bad_row_samples()[i].offset);
    }
  }
}
