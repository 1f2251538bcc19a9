#include "millrace/detail/look_out.hpp"

#include "support/catch.hpp"

using millrace::detail::look_out_habit;

namespace {
// How many chances pass before the next is worth it.
int passed(look_out_habit& habit) {
  int chances = 0;
  while (!habit.worth_it()) ++chances;
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
