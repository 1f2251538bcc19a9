#include "millrace/detail/job.hpp"

#include <array>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

using millrace::detail::job;
using millrace::detail::job_batch;

namespace {

// Forwards, having seen that it is the same backwards.
std::vector<int> numbers(const job_batch& batch) {
  std::vector<int> all;
  const job* before = nullptr;
  for (job* one = batch.first; one != nullptr; one = one->following()) {
    REQUIRE(one->previous == before);
    before = one;
    all.push_back(static_cast<test::Job*>(one)->number());
  }
  REQUIRE(batch.last == before);
  REQUIRE(batch.empty() == all.empty());
  return all;
}

}  // namespace

TEST_CASE("performing a step does it once, with that step") {
  std::vector<job::step> done;
  test::Job one(0, [&](job::step which) { done.push_back(which); });
  one.perform(job::step::settle);
  one.perform(job::step::run);
  CHECK(done == std::vector{job::step::settle, job::step::run});
  int here = 0;
  one.comes_home_to = &here;
  CHECK(one.home() == &here);
}

TEST_CASE("a batch keeps the order of appending, and pops from its front") {
  std::array<test::Job, 3> jobs{test::Job(0), test::Job(1), test::Job(2)};
  job_batch batch;
  CHECK(batch.empty());
  for (test::Job& each : jobs) batch.append(each);
  CHECK(numbers(batch) == std::vector{0, 1, 2});
  CHECK(&batch.pop() == &jobs[0]);
  CHECK(numbers(batch) == std::vector{1, 2});
  batch.append(jobs[0]);
  CHECK(numbers(batch) == std::vector{1, 2, 0});
  for (int i = 0; i < 3; ++i) static_cast<void>(batch.pop());
  CHECK(numbers(batch).empty());
  batch.append(jobs[1]);
  CHECK(numbers(batch) == std::vector{1});
}

TEST_CASE("a batch of one job forgets the neighbours that it had") {
  std::array<test::Job, 3> jobs{test::Job(0), test::Job(1), test::Job(2)};
  job_batch batch;
  for (test::Job& each : jobs) batch.append(each);
  CHECK(numbers(job_batch::of(jobs[1])) == std::vector{1});
}

TEST_CASE("any jobs can be removed from a batch, in any order") {
  constexpr int count = 4;
  for (unsigned set = 0; set < 1u << count; ++set) {
    for (const bool rising : {true, false}) {
      std::array<test::Job, count> jobs{test::Job(0), test::Job(1), test::Job(2), test::Job(3)};
      job_batch batch;
      for (test::Job& each : jobs) batch.append(each);
      std::vector<int> left;
      for (int i = 0; i < count; ++i) {
        if ((set >> i & 1u) == 0) left.push_back(i);
      }
      for (int n = 0; n < count; ++n) {
        const int i = rising ? n : count - 1 - n;
        if ((set >> i & 1u) != 0) batch.remove(jobs[static_cast<std::size_t>(i)]);
      }
      REQUIRE(numbers(batch) == left);
    }
  }
}
