#include "millrace/detail/live_pools.hpp"

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

using millrace::detail::job;
using millrace::detail::job_batch;
using millrace::detail::live_pools;

namespace {

// A pool that has jobs of several homes; they note what becomes of them.
class Pool final : public live_pools::member {
 public:
  Pool() { live_pools::add(*this); }
  ~Pool() { live_pools::remove(*this); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void add(const void* home, test::Job::action act) {
    jobs_.push_back(std::make_unique<test::Job>(0, std::move(act)));
    jobs_.back()->comes_home_to = home;
    here_.append(*jobs_.back());
  }

  int asked = 0;

 private:
  void take_jobs_of(const void* home, job_batch& all) noexcept override {
    ++asked;
    job_batch stay;
    while (!here_.empty()) {
      job& one = here_.pop();
      (one.home() == home ? all : stay).append(one);
    }
    here_ = stay;
  }

  std::vector<std::unique_ptr<test::Job>> jobs_;
  job_batch here_;
};

}  // namespace

TEST_CASE("the jobs of a home are abandoned, in every pool, and no others") {
  int home = 0;
  int other = 0;
  std::vector<job::step> mine;
  std::vector<job::step> others;
  Pool a;
  Pool b;
  for (Pool* const pool : {&a, &b}) {
    pool->add(&home, [&](job::step which) { mine.push_back(which); });
    pool->add(&other, [&](job::step which) { others.push_back(which); });
    pool->add(&home, [&](job::step which) { mine.push_back(which); });
  }
  live_pools::abandon_jobs_of(&home);
  CHECK(mine == std::vector<job::step>(4, job::step::settle));
  CHECK(others.empty());
  live_pools::abandon_jobs_of(&home);
  CHECK(mine.size() == 4);
  live_pools::abandon_jobs_of(&other);
  CHECK(others == std::vector<job::step>(2, job::step::settle));
}

TEST_CASE("a pool that has gone is asked no more") {
  int home = 0;
  Pool stays;
  {
    Pool first;
    Pool goes;
    goes.add(&home, [](job::step) { FAIL("abandoned by a pool that has gone"); });
  }
  live_pools::abandon_jobs_of(&home);
  CHECK(stays.asked == 1);
}

TEST_CASE("abandoned jobs may make and end pools, and close further contexts") {
  int home = 0;
  int other = 0;
  bool abandoned = false;
  Pool pool;
  // For ever, if it were done within the registry's lock.
  pool.add(&home, [&](job::step) {
    const Pool another;
    live_pools::abandon_jobs_of(&other);
  });
  pool.add(&other, [&](job::step) { abandoned = true; });
  live_pools::abandon_jobs_of(&home);
  CHECK(abandoned);
}
