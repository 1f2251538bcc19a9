#include "millrace/detail/outstanding.hpp"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "millrace/detail/spin_lock.hpp"
#include "support/catch.hpp"
#include "support/test_jobs.hpp"

TEST_CASE("waiting with nothing outstanding returns") {
  millrace::detail::outstanding_count count;
  count.wait();
  SUCCEED();
}

TEST_CASE("waiting returns after the last release, and the count may go at once") {
  for (int round = 0; round < 2000; ++round) {
    std::optional<millrace::detail::outstanding_count> count(std::in_place);
    std::atomic<int> left = 3;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) count->add();
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        --left;
        count->release();
      });
    }
    count->wait();
    REQUIRE(left == 0);
    count.reset();  // a release that still touched it would be caught by the sanitizers
    for (auto& thread : threads) thread.join();
  }
}

TEST_CASE("who waits for the pool to be idle is told when the last job ends, or at once") {
  millrace::detail::outstanding_count count;
  int told = 0;
  test::Job first(0, [&](test::Job::step) { ++told; });
  test::Job second(0, [&](test::Job::step) { ++told; });
  count.add_job();
  count.add_job();
  count.when_idle(first);
  CHECK(told == 0);
  count.jobs_ended(1);
  CHECK(told == 0);
  count.jobs_ended(1);
  CHECK(told == 1);
  count.when_idle(second);
  CHECK(told == 2);
  count.wait();  // hangs if a waiter's share were left
}

TEST_CASE("no waiter is missed by jobs that end meanwhile") {
  millrace::detail::outstanding_count count;
  for (int round = 0; round < 5000; ++round) {
    std::atomic<bool> told = false;
    test::Job waiter(0, [&](test::Job::step) { told = true; });
    count.add_job();
    std::thread worker([&] {
      count.add();
      count.jobs_ended(1);
      count.release();
    });
    count.when_idle(waiter);
    while (!told) std::this_thread::yield();  // hangs, and times out, where it is missed
    worker.join();
  }
  SUCCEED("none was missed");
}

TEST_CASE("a waiter that is taken out keeps its share and is not told") {
  millrace::detail::outstanding_count count;
  int told = 0;
  test::Job stays(0, [&](test::Job::step) { ++told; });
  test::Job goes(0, [&](test::Job::step) { told += 100; });
  goes.comes_home_to = &told;
  count.add_job();
  count.when_idle(stays);
  count.when_idle(goes);
  millrace::detail::job_batch out;
  count.remove_waiters([&](millrace::detail::job& one) { return one.home() == &told; }, out);
  CHECK(out.first == &goes);
  CHECK(out.last == &goes);
  count.jobs_ended(1);
  CHECK(told == 1);
  count.release();
  count.wait();
}

TEST_CASE("nobody is told of an idle moment that was before their own job") {
  millrace::detail::outstanding_count count;
  std::atomic<int> out = 0;
  std::atomic<int> told_early = 0;
  // Each thread counts a job, waits for the pool to be idle, and ends the job only then: it must
  // not be told before.
  const auto submit_and_wait = [&] {
    for (int round = 0; round < 20'000; ++round) {
      std::atomic<bool> ended = false;
      std::atomic<bool> told = false;
      test::Job waiter(0, [&](test::Job::step) {
        if (!ended) ++told_early;
        told = true;
      });
      count.add();
      count.add_job();
      count.when_idle(waiter);
      for (int pause = 0; pause < round % 100; ++pause) millrace::detail::spin_pause();
      ended = true;
      count.jobs_ended(1);
      count.release();
      while (!told) std::this_thread::yield();
    }
    ++out;
  };
  std::thread one(submit_and_wait);
  std::thread other(submit_and_wait);
  one.join();
  other.join();
  CHECK(out == 2);
  CHECK(told_early == 0);
  count.wait();
}
