#include "millrace/detail/turn_scope.hpp"

#include "support/catch.hpp"

using millrace::detail::turn_scope;

namespace {
class Holder final : public turn_scope::holder {
 public:
  void end_of_turn() noexcept override { ++ends; }
  int ends = 0;
};
}  // namespace

TEST_CASE("a turn tells who holds jobs back that it ends, and nobody else") {
  Holder holder;
  CHECK(turn_scope::current() == nullptr);
  {
    const turn_scope idle;
    CHECK(turn_scope::current() == &idle);
  }
  {
    turn_scope outer;
    outer.hold_for(holder);
    {
      const turn_scope inner;
      CHECK(turn_scope::current()->held_by() == nullptr);
    }
    CHECK(holder.ends == 0);
    CHECK(turn_scope::current()->held_by() == &holder);
  }
  CHECK(holder.ends == 1);
  CHECK(turn_scope::current() == nullptr);
}
