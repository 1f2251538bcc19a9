#include <cstddef>
#include <vector>

#include "millrace/detail/range_source.hpp"
#include "support/catch.hpp"

using millrace::detail::cut;
using millrace::detail::handed_out;

namespace {

std::size_t largest(const cut& cuts) {
  return cuts.parts() == 0 ? 0 : cuts.end(0) - cuts.first(0);
}

}  // namespace

TEST_CASE("parts by themselves are 32 for each worker, of 1 to 1024 elements") {
  CHECK(cut::into_parts(6'400, 0, 2).parts() == 64);
  CHECK(cut::into_parts(6'400, 0, 4).parts() == 128);
  CHECK(largest(cut::into_parts(10, 0, 4)) == 1);
  CHECK(largest(cut::into_parts(1'000'000, 0, 2)) == 1'024);
  CHECK(cut::into_parts(0, 0, 2).parts() == 0);
  CHECK(cut::into_parts(6'400, 0, 2).how() == handed_out::on_demand);
}

TEST_CASE("chunks by themselves are eight for each worker") {
  CHECK(cut::into_chunks(1'600, 0, 2).parts() == 16);
  CHECK(largest(cut::into_chunks(100, 0, 2)) == 7);
  CHECK(cut::into_chunks(3, 0, 2).parts() == 3);
  CHECK(cut::into_chunks(0, 0, 2).parts() == 0);
}

TEST_CASE("a size that was asked for is that of all parts but the last") {
  for (const cut& cuts : {cut::into_parts(10, 4, 3), cut::into_chunks(10, 4, 3)}) {
    REQUIRE(cuts.parts() == 3);
    CHECK(cuts.how() == handed_out::one_by_one);
    std::vector<std::size_t> ends;
    for (std::size_t part = 0; part < 3; ++part) ends.push_back(cuts.end(part));
    CHECK(ends == std::vector<std::size_t>{4, 8, 10});
  }
  CHECK(cut::into_parts(10, static_cast<std::size_t>(-1), 3).parts() == 1);
}
