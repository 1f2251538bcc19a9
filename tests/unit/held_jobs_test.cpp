#include "millrace/detail/held_jobs.hpp"

#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

using millrace::detail::held_jobs;
using millrace::detail::job_batch;

namespace {

std::vector<int> numbers(const job_batch& batch) {
  std::vector<int> all;
  for (auto* one = batch.first; one != nullptr; one = one->following()) {
    all.push_back(static_cast<test::Job*>(one)->number());
  }
  return all;
}

}  // namespace

TEST_CASE("each thread's slot keeps its order, and is taken once") {
  held_jobs held;
  test::Job a(1);
  test::Job b(2);
  test::Job c(3);
  CHECK(held.empty());
  held.append(a, 0);
  held.append(b, 0);
  held.append(c, 1);
  CHECK_FALSE(held.empty());
  CHECK(numbers(held.take(0)) == std::vector{1, 2});
  CHECK(held.take(0).empty());
  CHECK(numbers(held.take_any()) == std::vector{3});
  CHECK(held.take_any().empty());
  CHECK(held.empty());
}

TEST_CASE("a slot can be used again after it was taken") {
  held_jobs held;
  test::Job a(1);
  held.append(a, 5);
  CHECK(numbers(held.take_any()) == std::vector{1});
  held.append(a, 5);
  CHECK(numbers(held.take(5)) == std::vector{1});
}
