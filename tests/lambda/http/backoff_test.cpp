#include "http/backoff.hpp"

#include "support/catch.hpp"

using lambda::Backoff;
using lambda::BackoffConfig;
using std::chrono::milliseconds;

TEST_CASE("backoff: delays stay below a bound that doubles up to the cap", "[backoff]") {
  const BackoffConfig config{.base = milliseconds(10), .cap = milliseconds(65), .max_failures = 7};
  std::vector<milliseconds> longest(6, milliseconds(0));
  for (unsigned seed = 0; seed < 500; ++seed) {
    Backoff backoff(config, seed);
    for (auto& most : longest) most = std::max(most, backoff.failed().value());
  }
  const std::vector<milliseconds> bounds = {milliseconds(10), milliseconds(20), milliseconds(40),
                                            milliseconds(65), milliseconds(65), milliseconds(65)};
  // 500 draws from at most 66 values: the greatest is among them but for one chance in 2000.
  CHECK(longest == bounds);
}

TEST_CASE("backoff: full jitter reaches down to no delay", "[backoff]") {
  milliseconds least = milliseconds::max();
  for (unsigned seed = 0; seed < 200; ++seed) {
    Backoff backoff({.base = milliseconds(10), .cap = milliseconds(10)}, seed);
    least = std::min(least, backoff.failed().value());
  }
  CHECK(least == milliseconds(0));
}

TEST_CASE("backoff: gives up after the last failure in a row", "[backoff]") {
  Backoff backoff({.max_failures = 3}, 1);
  CHECK(backoff.failed());
  CHECK(backoff.failed());
  CHECK_FALSE(backoff.failed());
  CHECK(backoff.failures() == 3);
}

TEST_CASE("backoff: a success starts the row anew", "[backoff]") {
  const BackoffConfig config{.base = milliseconds(1), .cap = milliseconds(1000), .max_failures = 2};
  Backoff backoff(config, 1);
  for (int i = 0; i < 20; ++i) {
    const auto delay = backoff.failed();
    REQUIRE(delay);
    CHECK(*delay <= milliseconds(1));
    backoff.succeeded();
  }
}
