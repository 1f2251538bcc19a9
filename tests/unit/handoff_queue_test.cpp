#include "millrace/detail/handoff_queue.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

namespace detail = millrace::detail;

namespace {

const auto nothing = [] {};

template <std::size_t N>
bool push(detail::handoff_queue<N>& queue, test::Job& job, std::size_t priority = 0) {
  job.queued = true;
  return queue.push(detail::job_batch::of(job), priority, nothing);
}

// The numbers of the jobs in the order in which they are taken.
template <std::size_t N>
std::vector<int> drain(detail::handoff_queue<N>& queue) {
  std::vector<int> order;
  while (auto* one = queue.take(detail::handoff_queue<N>::ask::ready).one) {
    order.push_back(static_cast<test::Job*>(one)->number());
  }
  return order;
}

using one_priority = detail::handoff_queue<1>;

}  // namespace

TEST_CASE("jobs are taken in the order in which they were pushed") {
  one_priority queue;
  std::deque<test::Job> jobs;
  for (int i = 0; i < 10; ++i) push(queue, jobs.emplace_back(i));
  CHECK(drain(queue) == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(queue.empty());
}

TEST_CASE("batches and single jobs keep their order, also when pushed between takes") {
  one_priority queue;
  std::deque<test::Job> jobs;
  for (int i = 0; i < 8; ++i) jobs.emplace_back(i);
  detail::job_batch first;
  for (int i : {0, 1, 2}) first.append(jobs[std::size_t(i)]);
  CHECK(queue.push(first, 0, nothing));
  push(queue, jobs[3]);
  CHECK(static_cast<test::Job*>(queue.take(one_priority::ask::ready).one)->number() == 0);
  detail::job_batch second;
  for (int i : {4, 5}) second.append(jobs[std::size_t(i)]);
  CHECK(queue.push(second, 0, nothing));
  push(queue, jobs[6]);
  CHECK(drain(queue) == std::vector{1, 2, 3, 4, 5, 6});
}

TEST_CASE("the push that finds a stack empty says so, before anybody can see the job") {
  one_priority queue;
  std::deque<test::Job> jobs;
  for (int i = 0; i < 4; ++i) jobs.emplace_back(i);
  bool told = false;
  CHECK(queue.push({&jobs[0], &jobs[0]}, 0, [&] { told = queue.looks_empty(); }));
  CHECK(told);
  CHECK_FALSE(push(queue, jobs[1]));
  CHECK(queue.take(one_priority::ask::ready).one != nullptr);
  CHECK(push(queue, jobs[2]));  // job 1 is ready, but the stack was empty
  CHECK_FALSE(push(queue, jobs[3]));
}

TEST_CASE("a consumer that has just arrived hears of the stack, another of what is ready only") {
  one_priority queue;
  std::deque<test::Job> jobs;
  for (int i = 0; i < 3; ++i) jobs.emplace_back(i);
  push(queue, jobs[0]);
  push(queue, jobs[1]);
  CHECK(queue.take(one_priority::ask::ready).more);
  push(queue, jobs[2]);
  CHECK(queue.take(one_priority::ask::ready_and_stacks).more);
  CHECK_FALSE(queue.take(one_priority::ask::ready_and_stacks).more);
  CHECK(queue.take(one_priority::ask::ready_and_stacks).one == nullptr);
}

TEST_CASE("higher priorities overtake, and the lowest is not starved") {
  detail::handoff_queue<3> queue;
  std::deque<test::Job> jobs;
  push(queue, jobs.emplace_back(-1), 2);
  push(queue, jobs.emplace_back(-2), 1);
  std::deque<test::Job> high;
  for (int i = 0; i < 200; ++i) push(queue, high.emplace_back(i), 0);
  const std::vector<int> order = drain(queue);
  const auto place = [&](int number) {
    return std::find(order.begin(), order.end(), number) - order.begin();
  };
  CHECK(order.size() == 202);
  CHECK(order[0] == 0);
  CHECK(place(-2) >= 4);   // overtaken ...
  CHECK(place(-2) <= 8);   // ... but not for long
  CHECK(place(-1) <= 64);  // the lowest neither
}

TEST_CASE("nothing is lost or taken twice between many producers and consumers") {
  constexpr int producers = 3;
  constexpr int consumers = 3;
  constexpr int each = 5000;
  detail::handoff_queue<3> queue;
  std::vector<std::atomic<int>> taken(producers * each);
  std::deque<test::Job> jobs;
  for (int i = 0; i < producers * each; ++i) jobs.emplace_back(i);
  std::atomic<int> left = producers * each;
  std::atomic<int> out_of_order = 0;
  std::vector<std::thread> threads;
  for (int p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < each; ++i) {
        push(queue, jobs[std::size_t(p * each + i)], std::size_t(p));
      }
    });
  }
  for (int c = 0; c < consumers; ++c) {
    threads.emplace_back([&] {
      std::vector<int> last(producers, -1);
      while (left > 0) {
        auto* one = queue.take(detail::handoff_queue<3>::ask::ready).one;
        if (one == nullptr) {
          std::this_thread::yield();
          continue;
        }
        const int number = static_cast<test::Job*>(one)->number();
        int& before = last[std::size_t(number / each)];
        if (number <= before) ++out_of_order;  // of one producer, seen by one consumer
        before = number;
        ++taken[std::size_t(number)];
        --left;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(out_of_order == 0);
  CHECK(std::all_of(taken.begin(), taken.end(), [](const auto& count) { return count == 1; }));
}

namespace {

// A queue in the state that `fetched` takes make of batches {0 1 2} {3} {4 5} and single 6, of
// which the last two come after the fetching.
struct Mixed {
  one_priority queue;
  std::deque<test::Job> jobs;

  explicit Mixed(int takes) {
    for (int i = 0; i < 7; ++i) {
      jobs.emplace_back(i).queued = true;
    }
    push_batch({0, 1, 2});
    push_batch({3});
    for (int i = 0; i < takes; ++i) static_cast<void>(queue.take(one_priority::ask::ready));
    push_batch({4, 5});
    push_batch({6});
  }

  void push_batch(std::initializer_list<std::size_t> numbers) {
    detail::job_batch batch;
    for (const std::size_t i : numbers) batch.append(jobs[i]);
    static_cast<void>(queue.push(batch, 0, nothing));
  }
};

}  // namespace

TEST_CASE("any jobs can be taken out of the middle, in any order, and the others stay in order") {
  // Every set of jobs to remove, in rising and in falling order, at every state of the queue.
  for (int takes = 0; takes <= 3; ++takes) {
    for (unsigned set = 0; set < 128; ++set) {
      for (const bool rising : {true, false}) {
        Mixed mixed(takes);
        std::vector<int> expected;
        for (int i = takes; i < 7; ++i) {
          if ((set >> i & 1u) == 0) expected.push_back(i);
        }
        for (int n = 0; n < 7; ++n) {
          const int i = rising ? n : 6 - n;
          if ((set >> i & 1u) == 0) continue;
          const bool removed = mixed.queue.remove(mixed.jobs[std::size_t(i)], 0);
          REQUIRE(removed == (i >= takes));
          REQUIRE_FALSE(mixed.queue.remove(mixed.jobs[std::size_t(i)], 0));
        }
        REQUIRE(drain(mixed.queue) == expected);
        REQUIRE(mixed.queue.empty());
      }
    }
  }
}

TEST_CASE("all jobs with a property can be taken out at once, in order") {
  for (int takes = 0; takes <= 3; ++takes) {
    for (unsigned set = 0; set < 128; ++set) {
      Mixed mixed(takes);
      std::vector<int> expected_out;
      std::vector<int> expected_left;
      for (int i = takes; i < 7; ++i) {
        ((set >> i & 1u) != 0 ? expected_out : expected_left).push_back(i);
      }
      const auto out = mixed.queue.remove_all([&](detail::job& one) {
        return (set >> static_cast<test::Job&>(one).number() & 1u) != 0;
      });
      std::vector<int> numbers;
      for (auto* one = out.first; one != nullptr; one = one->following()) {
        numbers.push_back(static_cast<test::Job*>(one)->number());
      }
      REQUIRE(numbers == expected_out);
      REQUIRE(drain(mixed.queue) == expected_left);
    }
  }
}

TEST_CASE("a job that is removed can be pushed again") {
  one_priority queue;
  test::Job one(1);
  for (int i = 0; i < 3; ++i) {
    push(queue, one);
    CHECK(queue.remove(one, 0));
    CHECK(queue.empty());
  }
}
