#include "millrace/detail/gate.hpp"

#include <atomic>
#include <deque>
#include <latch>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

using millrace::detail::gate;
using millrace::detail::job;
using millrace::detail::job_batch;

namespace {

int number(job& one) {
  return static_cast<test::Job&>(one).number();
}

// A gate and, numbered from 0, what `entries` jobs got that entered it.
struct Entered {
  explicit Entered(std::size_t most, int entries, gate::when_full full = gate::when_full::wait)
      : to(most, full) {
    for (int i = 0; i < entries; ++i) got.push_back(to.enter(jobs.emplace_back(i)));
  }

  // Which ones it hands over when a pending job leaves.
  std::vector<int> leave() {
    std::vector<int> handed_over;
    to.left([&](job& next) { handed_over.push_back(number(next)); });
    return handed_over;
  }

  gate to;
  std::deque<test::Job> jobs;
  std::vector<gate::entry> got;
};

}  // namespace

TEST_CASE("a gate without a bound says so") {
  CHECK_FALSE(gate(0, gate::when_full::wait).bounded());
  CHECK(gate(1, gate::when_full::wait).bounded());
}

TEST_CASE("as many as may be pending pass, the others are parked [P39]") {
  Entered entered(2, 4);
  using enum gate::entry;
  CHECK(entered.got == std::vector{open, open, parked, parked});
  for (int i = 0; i < 4; ++i) {
    CHECK(entered.jobs[static_cast<std::size_t>(i)].gated == (i < 2));
    CHECK(entered.jobs[static_cast<std::size_t>(i)].parked == (i >= 2));
  }
}

TEST_CASE("who leaves lets the next one in, in order, and room is kept [P39]") {
  Entered entered(2, 4);
  CHECK(entered.leave() == std::vector{2});
  CHECK(entered.jobs[2].gated);
  CHECK_FALSE(entered.jobs[2].parked);
  CHECK(entered.leave() == std::vector{3});
  CHECK(entered.leave().empty());
  test::Job last(4);
  test::Job too_many(5);
  CHECK(entered.to.enter(last) == gate::entry::open);
  CHECK(entered.to.enter(too_many) == gate::entry::parked);
}

TEST_CASE("a gate that rejects parks none, and has room again when one has left [P39]") {
  Entered entered(1, 2, gate::when_full::reject);
  using enum gate::entry;
  CHECK(entered.got == std::vector{open, full});
  CHECK_FALSE(entered.jobs[1].gated);
  CHECK_FALSE(entered.jobs[1].parked);
  CHECK(entered.leave().empty());
  CHECK(entered.to.enter(entered.jobs[1]) == open);
}

TEST_CASE("a parked job can be removed once, one that was handed over can't [P39]") {
  for (std::size_t removed = 1; removed <= 3; ++removed) {
    Entered entered(1, 4);
    CHECK_FALSE(entered.to.remove(entered.jobs[0]));
    CHECK(entered.to.remove(entered.jobs[removed]));
    CHECK_FALSE(entered.to.remove(entered.jobs[removed]));
    CHECK_FALSE(entered.jobs[removed].parked);
    std::vector<int> expected = {1, 2, 3};
    std::erase(expected, static_cast<int>(removed));
    CHECK(entered.leave() == std::vector{expected[0]});
    CHECK(entered.leave() == std::vector{expected[1]});
    CHECK(entered.leave().empty());
  }
}

TEST_CASE("all parked jobs with a property can be removed, in order [P39]") {
  Entered entered(1, 6);
  job_batch odd = entered.to.remove_all([](job& one) { return number(one) % 2 == 1; });
  std::vector<int> numbers;
  while (!odd.empty()) {
    job& one = odd.pop();
    CHECK_FALSE(one.parked);
    numbers.push_back(number(one));
  }
  CHECK(numbers == std::vector{1, 3, 5});
  CHECK(entered.leave() == std::vector{2});
  CHECK(entered.leave() == std::vector{4});
  CHECK(entered.leave().empty());
}

TEST_CASE("between threads that enter, leave and remove no job is lost or handed over twice") {
  constexpr int each = 20'000;
  constexpr std::size_t most = 3;
  gate to(most, gate::when_full::wait);
  std::deque<test::Job> jobs;
  for (int i = 0; i < 3 * each; ++i) jobs.emplace_back(i);
  std::vector<std::atomic<int>> handed_over(3 * each);
  std::atomic<int> pending = 0;
  std::atomic<int> too_many = 0;
  const auto hand_over = [&](job& one) {
    ++handed_over[static_cast<std::size_t>(number(one))];
    if (++pending > static_cast<int>(most)) ++too_many;
  };
  const auto leave_one = [&] {
    for (int seen = pending; seen > 0;) {
      if (!pending.compare_exchange_weak(seen, seen - 1)) continue;
      to.left(hand_over);
      return true;
    }
    return false;
  };
  std::latch begun(3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      begun.arrive_and_wait();
      for (int i = t * each; i < (t + 1) * each; ++i) {
        test::Job& one = jobs[static_cast<std::size_t>(i)];
        if (to.enter(one) == gate::entry::open) hand_over(one);
        if (i % 3 == 0 && to.remove(one)) ++handed_over[static_cast<std::size_t>(i)];
        // More at a time than may be pending, so that some are parked.
        for (int n = 0; i % 8 == 7 && n < 8; ++n) leave_one();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  while (leave_one()) {
  }
  CHECK(too_many == 0);
  int wrong = 0;
  for (const auto& count : handed_over) wrong += count == 1 ? 0 : 1;
  CHECK(wrong == 0);
}
