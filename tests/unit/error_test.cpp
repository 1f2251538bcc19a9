#include "millrace/error.hpp"

#include <set>
#include <string>
#include <system_error>

#include "support/catch.hpp"

using millrace::errc;

TEST_CASE("an errc becomes an error_code of the category millrace") {
  const std::error_code code = errc::would_deadlock;
  CHECK(code.category() == millrace::error_category());
  CHECK(std::string(code.category().name()) == "millrace");
  CHECK(code == errc::would_deadlock);
  CHECK(code != errc::worker_limit);
  CHECK(code.value() != 0);
}

TEST_CASE("every errc has a message of its own") {
  std::set<std::string> messages{"unknown millrace error"};
  for (const errc code : {errc::worker_limit, errc::stack_size_fixed, errc::would_deadlock}) {
    CHECK(messages.insert(make_error_code(code).message()).second);
  }
  CHECK(millrace::error_category().message(12345) == "unknown millrace error");
}
