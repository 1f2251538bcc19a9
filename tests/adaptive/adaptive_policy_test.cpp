#include "millrace/adaptive_policy.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>

#include "adaptive/simulation.hpp"
#include "support/catch.hpp"

using namespace std::chrono_literals;
using millrace::AdaptiveLearner;
using millrace::AdaptiveSituation;
using millrace::Place;
using test::add_jobs;
using test::jobs;
using test::simulate;
using test::Simulated;
using test::Trace;
using test::World;

namespace {

constexpr auto hard_limit = AdaptiveLearner::hard_limit;

// How much longer than the better one of the two that never change.
double regret(const World& world, const Trace& trace, const Simulated& adaptive) {
  const auto better = std::min(simulate<test::AlwaysHere>(world, trace).time,
                               simulate<test::AlwaysPool>(world, trace).time);
  return static_cast<double>(adaptive.time.count()) / static_cast<double>(better.count());
}

// A policy that has seen jobs of this length, which would be cheap here if that were all.
void teach(AdaptiveLearner& policy, std::chrono::nanoseconds run, int times = 64) {
  for (int i = 0; i < times; ++i) policy.record({Place::pool, run, 10 * run + 1ms, 1});
}

Place place_of(AdaptiveLearner& policy, int io_threads = 1, bool loop_late = false) {
  return policy.decide({io_threads, loop_late}).place;
}

}  // namespace

// --- Guards ---

TEST_CASE("no job is let in above the hard limit whatever the situation [P46]") {
  for (const auto run :
       std::initializer_list<std::chrono::nanoseconds>{hard_limit + 1us, 300us, 1ms, 100ms}) {
    AdaptiveLearner policy;
    teach(policy, run);
    for (const int io_threads : {1, 2, 64}) {
      for (const bool late : {false, true}) {
        CHECK(place_of(policy, io_threads, late) == Place::pool);
      }
    }
  }
}

TEST_CASE("below the hard limit jobs that aren't brief need a permit [P46]") {
  AdaptiveLearner policy;
  teach(policy, 240us);
  CHECK(place_of(policy, 2) == Place::here_with_permit);
  AdaptiveLearner less;
  teach(less, AdaptiveLearner::brief + 1us);
  CHECK(place_of(less, 2) == Place::here_with_permit);
  AdaptiveLearner brief;
  teach(brief, AdaptiveLearner::brief);
  CHECK(place_of(brief, 2) == Place::here);
}

TEST_CASE("with one I/O thread only brief jobs are let in [P46]") {
  AdaptiveLearner policy;
  teach(policy, AdaptiveLearner::brief + 1us);
  CHECK(place_of(policy, 1) == Place::pool);
  CHECK(place_of(policy, 0) == Place::pool);
  AdaptiveLearner brief;
  teach(brief, AdaptiveLearner::brief);
  CHECK(place_of(brief, 1) == Place::here);
}

TEST_CASE("with one I/O thread whose loop is late no job is let in [P46]") {
  for (const auto run : {0ns, 50ns, 1'000ns, 20'000ns, 100'000ns}) {
    AdaptiveLearner policy;
    teach(policy, run);
    CHECK(place_of(policy, 1, true) == Place::pool);
  }
}

TEST_CASE("with several I/O threads a late loop lets brief jobs in only [P46]") {
  AdaptiveLearner policy;
  teach(policy, 100us);
  CHECK(place_of(policy, 2, true) == Place::pool);
  CHECK(place_of(policy, 2, false) == Place::here_with_permit);
  AdaptiveLearner brief;
  teach(brief, 1us);
  CHECK(place_of(brief, 2, true) == Place::here);
}

TEST_CASE("what nobody has seen goes to the pool") {
  AdaptiveLearner policy;
  for (int i = 0; i < 8; ++i) {
    const auto decision = policy.decide({8, false});
    CHECK(decision.place == Place::pool);
    CHECK(decision.measure == millrace::Measure::yes);
    policy.record({Place::pool, 0ns, 1us, 1});
  }
  CHECK(place_of(policy) == Place::here);
}

TEST_CASE("one long job among short ones keeps a kind on the pool for a while [P46]") {
  AdaptiveLearner policy;
  teach(policy, 1us);
  REQUIRE(place_of(policy, 2) == Place::here);
  policy.record({Place::pool, 400us, 401us, 1});
  CHECK(place_of(policy, 2) == Place::pool);
  teach(policy, 1us, 128);
  CHECK(place_of(policy, 2) == Place::here);
}

// --- Strikes ---

namespace {

// How many jobs go to the pool until one is let in again; they take no time.
int held(AdaptiveLearner& policy) {
  int count = 0;
  while (place_of(policy) == Place::pool) {
    policy.record({Place::pool, 0ns, 1us, 1});
    if (++count == 1'000'000) return -1;
  }
  return count;
}

}  // namespace

TEST_CASE("each surprise keeps a kind on the pool for twice as long [P46]") {
  AdaptiveLearner policy;
  teach(policy, 0ns);
  REQUIRE(place_of(policy) == Place::here);
  // Just long enough to be one, so that its own length keeps nobody out for longer.
  const auto surprise = 5 * AdaptiveLearner::brief + 1ns;
  for (const int expected : {64, 128, 256, 512}) {
    policy.record({Place::here, surprise});
    CHECK(held(policy) == expected);
  }
  for (int i = 0; i < 20; ++i) policy.record({Place::here, surprise});
  CHECK(held(policy) == 65'536);
}

TEST_CASE("a kind that gives no surprise for long is forgiven [P46]") {
  AdaptiveLearner policy;
  teach(policy, 0ns);
  const auto surprise = 5 * AdaptiveLearner::brief + 1ns;
  for (const int expected : {64, 128, 256}) {
    policy.record({Place::here, surprise});
    REQUIRE(held(policy) == expected);
  }
  // The next would be 512; halved once for each 2,048 good ones.
  for (int i = 0; i < 4'096; ++i) policy.record({Place::here, 0ns});
  policy.record({Place::here, surprise});
  CHECK(held(policy) == 128);
}

TEST_CASE("a surprise begins the count of good ones anew [P46]") {
  AdaptiveLearner policy;
  teach(policy, 0ns);
  const auto surprise = 5 * AdaptiveLearner::brief + 1ns;
  policy.record({Place::here, surprise});
  REQUIRE(held(policy) == 64);
  for (int i = 0; i < 2'047; ++i) policy.record({Place::here, 0ns});
  policy.record({Place::here, surprise});
  REQUIRE(held(policy) == 128);
  policy.record({Place::here, 0ns});
  policy.record({Place::here, surprise});
  CHECK(held(policy) == 256);
}

TEST_CASE("with a permit only what is above the hard limit is a surprise [P46]") {
  AdaptiveLearner policy;
  teach(policy, 100us);
  REQUIRE(place_of(policy, 2) == Place::here_with_permit);
  policy.record({Place::here_with_permit, 200us});
  CHECK(place_of(policy, 2) == Place::here_with_permit);
  policy.record({Place::here_with_permit, hard_limit + 1ns});
  for (int i = 0; i < 64; ++i) CHECK(place_of(policy, 2) == Place::pool);
}

// --- Measuring ---

TEST_CASE("of short jobs one in eight is measured and of long ones each") {
  const auto measured = [](std::chrono::nanoseconds run) {
    AdaptiveLearner policy;
    teach(policy, run);
    int count = 0;
    for (int i = 0; i < 8'000; ++i) {
      count += policy.decide({1, false}).measure == millrace::Measure::yes ? 1 : 0;
    }
    return count;
  };
  for (const auto run : {100ns, 500ns, 1'900ns}) {
    CHECK(measured(run) > 900);
    CHECK(measured(run) < 1'100);
  }
  CHECK(measured(3us) == 8'000);
  CHECK(measured(1ms) == 8'000);
}

TEST_CASE("which short jobs are measured has no period") {
  AdaptiveLearner policy;
  teach(policy, 500ns);
  std::array<int, 8> seen{};
  for (std::size_t i = 0; i < 8'000; ++i) {
    if (policy.decide({1, false}).measure == millrace::Measure::yes) ++seen[i % 8];
  }
  CHECK(*std::min_element(seen.begin(), seen.end()) > 60);
}

TEST_CASE("one value that is far off moves the average little") {
  AdaptiveLearner policy;
  teach(policy, 300ns);
  policy.record({Place::pool, 5ms, 6ms, 1});
  CHECK(policy.expected() < 1'500ns);
  CHECK(policy.pool_cost() < 3ms);
  teach(policy, 5ms);
  CHECK(policy.expected() > 4ms);
}

TEST_CASE("what the pool costs is looked at again now and then [P46]") {
  AdaptiveLearner policy;
  for (int i = 0; i < 64; ++i) policy.record({Place::pool, 3us, 30us, 1});
  int away = 0;
  int in_a_row = 0;
  int longest = 0;
  for (int i = 0; i < 100'000; ++i) {
    const bool here = place_of(policy) == Place::here;
    in_a_row = here ? 0 : in_a_row + 1;
    longest = std::max(longest, in_a_row);
    away += here ? 0 : 1;
  }
  CHECK(longest == 32);
  CHECK(away > 32);
  // A hundredth of the time, which ten times as long jobs have with a thousandth of all.
  CHECK(away < 300);
  // Where it has become cheaper than the loop it keeps what it was sent.
  int looked = 0;
  for (int i = 0; i < 100'000 && looked == 0; ++i) looked += place_of(policy) == Place::pool;
  REQUIRE(looked == 1);
  for (int i = 0; i < 64; ++i) policy.record({Place::pool, 3us, 16us, 16});
  for (int i = 0; i < 1'000; ++i) CHECK(place_of(policy) == Place::pool);
}

TEST_CASE("what the pool costs is looked at again when jobs have become longer [P46]") {
  AdaptiveLearner policy;
  for (int i = 0; i < 64; ++i) policy.record({Place::pool, 2us, 300us, 1});
  REQUIRE(place_of(policy) == Place::here);
  for (int i = 0; i < 64; ++i) policy.record({Place::here, 8us});
  int away = 0;
  for (int i = 0; i < 100; ++i) away += place_of(policy) == Place::pool ? 1 : 0;
  CHECK(away == 32);
}

// --- Convergence and regret ---

TEST_CASE("short jobs converge to the loop [P46]") {
  for (const std::size_t coroutines : {std::size_t{1}, std::size_t{8}, std::size_t{64}}) {
    const World world{.coroutines = coroutines};
    for (const auto usual : {50ns, 200ns}) {
      const Trace trace = jobs(200'000, usual);
      const auto seen = simulate<AdaptiveLearner>(world, trace);
      CAPTURE(coroutines, usual.count());
      CHECK(seen.share_here(1'000, trace.size()) > 0.95);
      CHECK(regret(world, trace, seen) < 1.1);
    }
  }
}

TEST_CASE("long jobs stay on the pool [P46]") {
  for (const std::size_t coroutines : {std::size_t{1}, std::size_t{64}}) {
    const World world{.coroutines = coroutines, .io_threads = 4};
    for (const auto usual : {400us, 5'000us}) {
      const Trace trace = jobs(2'000, usual);
      const auto seen = simulate<AdaptiveLearner>(world, trace);
      CHECK(seen.here == 0);
      CHECK(regret(world, trace, seen) < 1.1);
    }
  }
}

TEST_CASE("many jobs that a hop is cheaper than converge to the pool [P46]") {
  for (const auto usual : {2us, 5us, 15us}) {
    const World world;
    const Trace trace = jobs(20'000, usual);
    const auto seen = simulate<AdaptiveLearner>(world, trace);
    CAPTURE(usual.count());
    CHECK(seen.share_here(1'000, trace.size()) < 0.05);
    CHECK(regret(world, trace, seen) < 1.1);
  }
}

TEST_CASE("one job at a time that the way is longer than converges to the loop [P46]") {
  for (const auto usual : {2us, 5us, 12us}) {
    const World world{.coroutines = 1};
    const Trace trace = jobs(20'000, usual);
    const auto seen = simulate<AdaptiveLearner>(world, trace);
    CAPTURE(usual.count());
    CHECK(seen.share_here(1'000, trace.size()) > 0.9);
    CHECK(regret(world, trace, seen) < 1.1);
  }
}

TEST_CASE("a single worker is no reason to lose against either [P46]") {
  const World world{.workers = 1};
  for (const auto usual : {200ns, 500ns, 1'000ns, 10'000ns, 400'000ns}) {
    const Trace trace = jobs(10'000, usual);
    CAPTURE(usual.count());
    CHECK(regret(world, trace, simulate<AdaptiveLearner>(world, trace)) < 1.1);
  }
}

TEST_CASE("of mixed kinds each finds its own place [P46]") {
  const World world{.coroutines = 16};
  Trace trace;
  for (int i = 0; i < 2'000; ++i) {
    add_jobs(trace, 20, 200ns, 0);
    add_jobs(trace, 1, 400us, 1);
  }
  const auto seen = simulate<AdaptiveLearner>(world, trace);
  CHECK(seen.longer_than(100us) == 0);
  CHECK(seen.share_here(trace.size() / 2, trace.size()) > 0.85);
  CHECK(regret(world, trace, seen) < 1.1);
}

TEST_CASE("jobs that drift are followed both ways [P46]") {
  const World world{.coroutines = 8};
  Trace trace;
  constexpr int turns = 10;
  for (int i = 0; i < turns; ++i) {
    add_jobs(trace, 20'000, 300ns);
    add_jobs(trace, 500, 400us);
  }
  const auto seen = simulate<AdaptiveLearner>(world, trace);
  // The first isn't measured; the next is, as that one took so long.
  CHECK(seen.longer_than(hard_limit) <= 2 * turns);
  CHECK(seen.share_here(0, trace.size()) > 0.8);
  CHECK(regret(world, trace, seen) < 1.1);
}

TEST_CASE("jobs that become a little longer leave the loop [P46]") {
  const World world;
  Trace trace = jobs(50'000, 200ns);
  add_jobs(trace, 50'000, 5us);
  const auto seen = simulate<AdaptiveLearner>(world, trace);
  CHECK(seen.share_here(1'000, 50'000) > 0.9);
  CHECK(seen.share_here(55'000, trace.size()) < 0.05);
  CHECK(regret(world, trace, seen) < 1.1);
}

TEST_CASE("of a kind with two lengths the long ones are kept out [P46]") {
  const World world{.coroutines = 8};
  for (const auto one_in : std::initializer_list<std::size_t>{3, 10, 100, 1'000}) {
    Trace trace;
    while (trace.size() < 400'000) {
      add_jobs(trace, one_in - 1, 500ns);
      add_jobs(trace, 1, 400us);
    }
    const auto seen = simulate<AdaptiveLearner>(world, trace);
    CAPTURE(one_in);
    // One in eight is seen, and after each of these it is twice as long on the pool.
    CHECK(seen.longer_than(hard_limit) < 200);
    // Of a thousand the loop alone would be faster, for who can do without it for so long.
    if (one_in <= 100) CHECK(regret(world, trace, seen) < 1.1);
    CHECK(seen.time < simulate<test::AlwaysPool>(world, trace).time * 11 / 10);
  }
}

TEST_CASE("a measurement that is far off does not keep short jobs away for long [P46]") {
  const World world{.coroutines = 8};
  Trace trace;
  for (int i = 0; i < 20; ++i) {
    add_jobs(trace, 10'000, 300ns);
    trace.push_back({5ms, 0});
  }
  const auto seen = simulate<AdaptiveLearner>(world, trace);
  CHECK(seen.share_here(1'000, trace.size()) > 0.9);
}
