#include "millrace/detail/result.hpp"

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"
#include "support/job_types.hpp"

using millrace::detail::job_result;

TEST_CASE("a value is built in place and moved out once") {
  job_result<std::unique_ptr<int>> result;
  auto body = [] { return std::make_unique<int>(3); };
  result.capture(body);
  CHECK_FALSE(result.failed());
  std::unique_ptr<int> got;
  std::move(result).deliver([&](std::exception_ptr error, std::unique_ptr<int> value) {
    CHECK_FALSE(error);
    got = std::move(value);
  });
  REQUIRE(got);
  CHECK(*got == 3);
}

TEST_CASE("what the body throws is delivered beside a default value") {
  job_result<int> result;
  auto body = []() -> int { throw std::out_of_range("beyond"); };
  result.capture(body);
  CHECK(result.failed());
  bool called = false;
  std::move(result).deliver([&](std::exception_ptr error, int value) {
    called = true;
    CHECK(value == 0);
    CHECK_THROWS_AS(std::rethrow_exception(error), std::out_of_range);
  });
  CHECK(called);
}

TEST_CASE("a handler that needs a value which can't be had is left by the job's exception") {
  job_result<test::NoDefault> result;
  auto body = []() -> test::NoDefault { throw std::out_of_range("beyond"); };
  result.capture(body);
  bool called = false;
  CHECK_THROWS_AS(
      std::move(result).deliver([&](std::exception_ptr, test::NoDefault) { called = true; }),
      std::out_of_range);
  CHECK_FALSE(called);
}

TEST_CASE("a handler that takes anything sees the exception, value or not") {
  job_result<test::NoDefault> result;
  auto body = []() -> test::NoDefault { throw std::out_of_range("beyond"); };
  result.capture(body);
  bool called = false;
  std::move(result).deliver([&](std::exception_ptr error, auto&&) {
    called = true;
    CHECK_THROWS_AS(std::rethrow_exception(error), std::out_of_range);
  });
  CHECK(called);
}

TEST_CASE("void and references are results too") {
  int count = 0;
  job_result<void> nothing;
  auto increment = [&] { ++count; };
  nothing.capture(increment);
  CHECK_FALSE(nothing.failed());
  std::move(nothing).get();
  CHECK(count == 1);

  job_result<std::reference_wrapper<int>> reference;
  auto refer = [&]() -> int& { return count; };
  reference.capture(refer);
  CHECK(&std::move(reference).get().get() == &count);
}

TEST_CASE("get rethrows what the body threw") {
  job_result<std::string> result;
  auto body = []() -> std::string { throw 42; };
  result.capture(body);
  CHECK_THROWS_AS(std::move(result).get(), int);
}
