#include "millrace/detail/look_out.hpp"

#include "support/catch.hpp"

using millrace::detail::look_out_habit;
using how = look_out_habit::how;

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
  habit.succeeded();
  for (int i = 0; i < 10; ++i) {
    CHECK(passed(habit) == 0);
    habit.succeeded();
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
  habit.succeeded();
  CHECK(habit.now() == how::briefly);
  habit.in_vain();
  CHECK(passed(habit) == 1);
  CHECK(habit.now() == how::briefly);
}
