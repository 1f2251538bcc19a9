#include "millrace/detail/first_failure.hpp"

#include <asio/error.hpp>
#include <exception>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>

#include "support/catch.hpp"
#include "support/expected.hpp"

namespace {

using Outcome = test::Expected<int, std::string>;
using Failure = millrace::detail::first_failure<std::string>;

std::exception_ptr thrown(const char* what) {
  return std::make_exception_ptr(std::runtime_error(what));
}

// What the pattern completes with: "value", the error, what is thrown, or "aborted".
std::string outcome_of(Failure& failure) {
  try {
    Outcome got = failure.finish<Outcome>([] { return Outcome(0); });
    return got.has_value() ? "value" : got.error();
  } catch (const std::system_error& error) {
    return error.code() == asio::error::operation_aborted ? "aborted" : error.what();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("the failure of the lowest part is kept whichever comes first") {
  const std::stop_token never;
  Failure failure(never);
  CHECK_FALSE(failure.failed());
  failure.returned(5, "five");
  CHECK(failure.failed());
  failure.threw(7, thrown("seven"));
  failure.returned(6, "six");
  CHECK(outcome_of(failure) == "five");
  failure.threw(2, thrown("two"));
  failure.returned(3, "three");
  CHECK(outcome_of(failure) == "two");
}

TEST_CASE("of one part the first failure is kept") {
  const std::stop_token never;
  Failure failure(never);
  failure.returned(1, "once");
  failure.threw(1, thrown("twice"));
  CHECK(outcome_of(failure) == "once");
}

TEST_CASE("what lies behind a failure doesn't begin and what lies before does") {
  const std::stop_token never;
  Failure failure(never);
  failure.returned(4, "four");
  CHECK(failure.may_begin(3));
  CHECK_FALSE(failure.may_begin(5));
  failure.returned(1, "one");
  CHECK(failure.may_begin(0));
  CHECK_FALSE(failure.may_begin(3));
}

TEST_CASE("a stop leaves out what would begin, unless an error comes before it") {
  std::stop_source source;
  const std::stop_token token = source.get_token();
  Failure failure(token);
  CHECK(failure.may_begin(2));
  source.request_stop();
  CHECK_FALSE(failure.may_begin(3));
  CHECK(outcome_of(failure) == "aborted");
  failure.returned(2, "two");
  CHECK(outcome_of(failure) == "two");
}

TEST_CASE("without a failure a pattern completes with its value") {
  const std::stop_token never;
  Failure failure(never);
  failure.run(0, [] {});
  CHECK(outcome_of(failure) == "value");
  failure.run(1, [] { throw std::runtime_error("thrown"); });
  CHECK(outcome_of(failure) == "thrown");
}
