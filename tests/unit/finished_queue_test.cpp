#include "millrace/detail/finished_queue.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <semaphore>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

using millrace::detail::finished_queue;

namespace {

const auto nothing = [] {};

int number(const finished_queue::taken& taken) {
  return static_cast<test::Job*>(taken.one)->number();
}

}  // namespace

TEST_CASE("finished jobs are taken in order, and only the first of an empty queue is due") {
  finished_queue queue;
  std::deque<test::Job> jobs;
  CHECK(queue.empty());
  CHECK(queue.take().one == nullptr);
  for (int round = 0; round < 3; ++round) {
    int due = 0;
    for (int i = 0; i < 5; ++i) {
      if (queue.push(jobs.emplace_back(i), nothing)) due += i + 1;
    }
    CHECK(due == 1);
    CHECK_FALSE(queue.empty());
    for (int i = 0; i < 5; ++i) {
      const auto next = queue.take();
      REQUIRE(next.one != nullptr);
      CHECK(number(next) == i);
      CHECK(next.more == (i != 4));
    }
    CHECK(queue.take().one == nullptr);
    CHECK(queue.empty());
  }
}

TEST_CASE("who pushes is told before the job can be seen that somebody must look") {
  finished_queue queue;
  test::Job first(1);
  test::Job second(2);
  bool seen_before = true;
  int told = 0;
  CHECK(queue.push(first, [&] {
    ++told;
    seen_before = queue.take().one != nullptr;
  }));
  CHECK(told == 1);
  CHECK_FALSE(seen_before);
  CHECK_FALSE(queue.push(second, [&] { ++told; }));
  CHECK(told == 1);
}

TEST_CASE("a job that is taken may be pushed again at once") {
  finished_queue queue;
  test::Job one(1);
  for (int i = 0; i < 100; ++i) {
    CHECK(queue.push(one, nothing));
    CHECK(number(queue.take()) == 1);
  }
}

// More threads than cores, so that producers lose theirs between the exchange and the link: then a
// consumer that only looks when it is told to must be told.
TEST_CASE("no job of many producers is lost to a consumer that looks when told, nor out of order") {
  constexpr int producers = 6;
  constexpr int each = 100'000;
  finished_queue queue;
  std::counting_semaphore<> told(0);
  std::vector<std::deque<test::Job>> jobs(producers);
  for (int p = 0; p < producers; ++p) {
    for (int i = 0; i < each; ++i) jobs[std::size_t(p)].emplace_back(p * each + i);
  }
  std::vector<std::thread> threads;
  for (auto& mine : jobs) {
    threads.emplace_back([&] {
      for (auto& job : mine) {
        if (queue.push(job, nothing)) told.release();
      }
    });
  }
  std::vector<int> last(producers, -1);
  int out_of_order = 0;
  for (int taken = 0; taken < producers * each;) {
    told.acquire();
    for (auto next = queue.take(); next.one != nullptr; next = queue.take()) {
      const int which = number(next);
      int& before = last[std::size_t(which / each)];
      if (which % each != before + 1) ++out_of_order;
      before = which % each;
      ++taken;
    }
  }
  for (auto& thread : threads) thread.join();
  CHECK(out_of_order == 0);
  CHECK(queue.empty());
}
