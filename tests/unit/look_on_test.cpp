#include "millrace/detail/look_on.hpp"

#include "support/catch.hpp"
#include "support/manual_clock.hpp"

namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

using Clock = test::ManualClock;
using look_on = millrace::detail::look_on<Clock>;

constexpr bool came = true;
constexpr bool nothing = false;
constexpr bool more = true;
constexpr nanoseconds brief = 5us;
constexpr nanoseconds patient = 100us;

// A turn that completed something looks on, and nothing comes.
bool looks_in_vain(look_on& loop) {
  const bool looked = loop.goes_on(came, more);
  Clock::advance(2 * patient);
  CHECK_FALSE(loop.goes_on(nothing, more));
  return looked;
}

// How many turns that completed something go by before one looks on, in vain.
int passed(look_on& loop) {
  int turns = 0;
  while (!looks_in_vain(loop)) ++turns;
  return turns;
}

// The next job comes so long after each look-on began.
void finds_after(nanoseconds time, look_on& loop) {
  REQUIRE(loop.goes_on(came, more));
  Clock::advance(time);
  if (time > 1ns) REQUIRE(loop.goes_on(nothing, more));  // asks and sees nothing yet
}

// Whether a look-on is still under way after so long.
bool looks_for(nanoseconds time, look_on& loop) {
  REQUIRE(loop.goes_on(came, more));
  Clock::advance(time);
  return loop.goes_on(nothing, more);
}

}  // namespace

TEST_CASE("a loop looks on for a while after something came, if more is out") {
  look_on loop;
  loop.lasts(brief);
  CHECK_FALSE(loop.goes_on(came, !more));
  CHECK(loop.goes_on(came, more));
  Clock::advance(brief - 1ns);
  CHECK(loop.goes_on(nothing, more));
  Clock::advance(1ns);
  CHECK_FALSE(loop.goes_on(nothing, more));
  CHECK_FALSE(loop.goes_on(nothing, more));
}

TEST_CASE("a turn that was called for nothing doesn't begin to look on") {
  look_on loop;
  loop.lasts(brief);
  CHECK_FALSE(loop.goes_on(nothing, more));
}

TEST_CASE("a loop that is to look on for no time doesn't") {
  look_on loop;
  CHECK_FALSE(loop.goes_on(came, more));
  loop.lasts(brief);
  CHECK(loop.goes_on(came, more));
  loop.lasts(0ns);
  CHECK_FALSE(loop.goes_on(nothing, more));
}

TEST_CASE("a loop that looked on in vain does so less and less often, until it finds something") {
  look_on loop;
  loop.lasts(brief);
  for (const int expected : {0, 1, 3, 7, 15, 15}) CHECK(passed(loop) == expected);

  for (int i = 0; i < 15; ++i) REQUIRE_FALSE(loop.goes_on(came, more));
  finds_after(1ns, loop);
  CHECK(passed(loop) == 0);
}

TEST_CASE("a worker that wakes the loop tells it that looking on would have been worth it") {
  look_on loop;
  loop.lasts(brief);
  for (int i = 0; i < 10; ++i) passed(loop);

  SECTION("if it came soon") {
    CHECK_FALSE(loop.goes_on(came, more));
    Clock::advance(brief - 1ns);
    loop.missed();
    CHECK(loop.goes_on(came, more));
  }
  SECTION("not if it came later") {
    CHECK_FALSE(loop.goes_on(came, more));
    Clock::advance(brief);
    loop.missed();
    CHECK_FALSE(loop.goes_on(came, more));
  }
}

TEST_CASE("a loop that has found something often in a row is patient") {
  look_on loop;
  loop.lasts(brief);
  for (int i = 0; i < 100; ++i) finds_after(1ns, loop);
  REQUIRE(loop.goes_on(came, more));
  Clock::advance(patient - 1ns);
  CHECK(loop.goes_on(nothing, more));
  Clock::advance(1ns);
  CHECK_FALSE(loop.goes_on(nothing, more));
}

TEST_CASE("a loop that finds things late stops being patient") {
  look_on loop;
  loop.lasts(brief);
  for (int i = 0; i < 100; ++i) finds_after(1ns, loop);
  for (int i = 0; i < 3; ++i) finds_after(brief + 1us, loop);
  CHECK_FALSE(looks_for(brief + 1us, loop));
}
