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
  CHECK(code != errc::queue_full);
  CHECK(code.value() != 0);
}

TEST_CASE("every errc has a message of its own") {
  std::set<std::string> messages{"unknown millrace error"};
  for (const errc code : {errc::would_deadlock, errc::queue_full, errc::deadline_exceeded,
                          errc::pool_shut_down, errc::used_after_fork, errc::handle_spent,
                          errc::no_current_pool, errc::placement_refused}) {
    CHECK(messages.insert(make_error_code(code).message()).second);
  }
  CHECK(millrace::error_category().message(12345) == "unknown millrace error");
}

TEST_CASE("a message says what has happened") {
  const auto message = [](errc code) { return make_error_code(code).message(); };
  CHECK(message(errc::queue_full) == "the pool's queue is full");
  CHECK(message(errc::deadline_exceeded) == "the job's deadline passed before it started");
  CHECK(message(errc::pool_shut_down) == "the pool was shut down before the job started");
  CHECK(message(errc::used_after_fork) == "the process was forked after the pool was made");
}
