#include "millrace/detail/consumers.hpp"

#include "support/catch.hpp"

using millrace::detail::consumers;

TEST_CASE("nobody is called while somebody is coming") {
  consumers who(3);
  CHECK(who.want_another());
  CHECK_FALSE(who.want_another());
  who.arrived();
  CHECK(who.want_another());
  CHECK_FALSE(who.want_another());
}

TEST_CASE("nobody is called when as many as may be are inside") {
  consumers who(2);
  CHECK(who.want_another());
  who.arrived();
  CHECK(who.want_another());
  who.arrived();
  CHECK_FALSE(who.want_another());
  who.left();
  CHECK(who.want_another());
}

TEST_CASE("one who searches counts as coming") {
  consumers who(2);
  CHECK(who.want_another());
  who.arrived();
  who.coming_again();
  CHECK_FALSE(who.want_another());
  who.arrived();
  CHECK(who.want_another());
}

TEST_CASE("one who has left comes back only if nobody else is coming and there is room") {
  consumers who(1);
  CHECK(who.want_another());
  who.arrived();
  who.left();
  CHECK(who.come_back());
  CHECK_FALSE(who.come_back());
  who.left();
  CHECK(who.want_another());
  CHECK_FALSE(who.come_back());
}

TEST_CASE("one comes again alone only if nobody else is coming") {
  consumers who(2);
  CHECK(who.want_another());
  who.arrived();
  CHECK(who.come_again_alone());
  CHECK_FALSE(who.come_again_alone());
  CHECK_FALSE(who.want_another());
}
