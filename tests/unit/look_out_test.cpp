#include "millrace/detail/look_out.hpp"

#include "support/catch.hpp"

using millrace::detail::look_out_habit;
using how = look_out_habit::how;
using when = look_out_habit::when;

namespace {
// How many chances pass before the next is worth it.
int passed(look_out_habit& habit) {
  int chances = 0;
  while (habit.now() == how::not_at_all) ++chances;
  return chances;
}
}  // namespace

TEST_CASE("looking out is worth it until it was in vain, and then less and less often") {
  look_out_habit habit;
  CHECK(passed(habit) == 0);
  for (const int expected : {1, 3, 7, 15, 15}) {
    habit.in_vain();
    CHECK(passed(habit) == expected);
  }
}

TEST_CASE("one success makes each chance worth it again") {
  look_out_habit habit;
  for (int i = 0; i < 10; ++i) {
    habit.in_vain();
    passed(habit);
  }
  habit.succeeded(when::soon);
  for (int i = 0; i < 10; ++i) {
    CHECK(passed(habit) == 0);
    habit.succeeded(when::soon);
  }
  habit.in_vain();
  CHECK(passed(habit) == 1);
}

TEST_CASE("after many times in vain one is patient, and then they are brief again") {
  look_out_habit habit;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 16; ++i) {
      passed(habit);
      CHECK(habit.now() == how::briefly);
      habit.in_vain();
    }
    passed(habit);
    CHECK(habit.now() == how::patiently);
    habit.in_vain();
  }
}

TEST_CASE("after a success the next ones are brief") {
  look_out_habit habit;
  for (int i = 0; i < 16; ++i) {
    habit.in_vain();
    passed(habit);
  }
  CHECK(habit.now() == how::patiently);
  habit.succeeded(when::soon);
  CHECK(habit.now() == how::briefly);
  habit.in_vain();
  CHECK(passed(habit) == 1);
  CHECK(habit.now() == how::briefly);
}

TEST_CASE("who has found something often in a row is patient, until it comes late too often") {
  look_out_habit habit;
  for (int i = 0; i < 16; ++i) {
    CHECK(habit.now() == how::briefly);
    habit.succeeded(when::soon);
  }
  for (int i = 0; i < 1000; ++i) {
    CHECK(habit.now() == how::patiently);
    habit.succeeded(when::soon);
  }
  // One in so many doesn't end it, one in few does.
  for (int i = 0; i < 100; ++i) {
    habit.succeeded(i % 50 == 0 ? when::late : when::soon);
    CHECK(habit.now() == how::patiently);
  }
  int successes = 0;
  while (habit.now() == how::patiently)
    habit.succeeded(++successes % 3 == 0 ? when::late : when::soon);
  CHECK(successes < 30);
}

TEST_CASE("one time in vain ends the patience of who had found something often") {
  look_out_habit habit;
  for (int i = 0; i < 100; ++i) habit.succeeded(when::soon);
  habit.in_vain();
  CHECK(passed(habit) == 1);
  CHECK(habit.now() == how::briefly);
}

TEST_CASE("who was found late by patience is given two more chances, and then it is over") {
  look_out_habit habit;
  for (int i = 0; i < 16; ++i) {
    habit.in_vain();
    passed(habit);
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(habit.now() == how::patiently);
    habit.succeeded(when::late);
  }
  CHECK(habit.now() == how::briefly);
}

TEST_CASE("patience is a tenth of a millisecond, or a brief look-out if that is longer") {
  using std::chrono::microseconds;
  CHECK(look_out_habit::time_of(how::briefly, microseconds(5)) == microseconds(5));
  CHECK(look_out_habit::time_of(how::patiently, microseconds(5)) == microseconds(100));
  CHECK(look_out_habit::time_of(how::patiently, microseconds(500)) == microseconds(500));
}
