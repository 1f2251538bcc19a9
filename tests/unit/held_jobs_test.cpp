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
  CHECK(held.append(a, 0) == 1);
  CHECK(held.append(b, 0) == 2);
  CHECK(held.append(c, 1) == 1);
  CHECK_FALSE(held.empty());
  std::vector<std::vector<int>> given;
  const auto push = [&](job_batch batch) { given.push_back(numbers(batch)); };
  CHECK(held.give(0, push));
  CHECK_FALSE(held.give(0, push));
  CHECK(held.give_any(push));
  CHECK_FALSE(held.give_any(push));
  CHECK(held.empty());
  CHECK(given == std::vector<std::vector<int>>{{1, 2}, {3}});
}

TEST_CASE("a slot can be used again after it was taken") {
  held_jobs held;
  test::Job a(1);
  held.append(a, 5);
  int given = 0;
  const auto push = [&](job_batch batch) { given += numbers(batch) == std::vector{1} ? 1 : 100; };
  CHECK(held.give_any(push));
  CHECK(held.append(a, 5) == 1);
  held.give_all(push);
  CHECK(given == 2);
}

TEST_CASE("a slot doesn't look empty before what it held has gone on") {
  held_jobs held;
  test::Job a(1);
  held.append(a, 0);
  bool looked_empty = true;
  held.give(0, [&](job_batch) { looked_empty = held.empty(); });
  CHECK_FALSE(looked_empty);
  CHECK(held.empty());
}
