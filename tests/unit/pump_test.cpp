#include "millrace/detail/pump.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <latch>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

namespace detail = millrace::detail;
using step = detail::job::step;

namespace {

struct Pumped {
  explicit Pumped(int workers, std::chrono::nanoseconds idle_spin = {})
      : arena(workers, 0, "pump"), pump(arena, workers, idle_spin, keep) {}
  ~Pumped() { keep.wait(); }

  detail::outstanding_count keep;
  detail::arena arena;
  detail::pump pump;
};

}  // namespace

TEST_CASE("one worker runs jobs in order, by priority") {
  Pumped pumped(1);
  std::latch blocked(1);
  std::latch release(1);
  std::latch done(4);
  std::vector<int> order;
  std::deque<test::Job> jobs;
  pumped.pump.submit(jobs.emplace_back(0,
                                       [&](step) {
                                         blocked.count_down();
                                         release.wait();
                                       }),
                     1);
  blocked.wait();
  for (const int priority : {2, 1, 0, 1}) {
    pumped.pump.submit(jobs.emplace_back(0,
                                         [&, priority](step) {
                                           order.push_back(priority);
                                           done.count_down();
                                         }),
                       static_cast<std::size_t>(priority));
  }
  release.count_down();
  done.wait();
  CHECK(order == std::vector{0, 1, 1, 2});
}

TEST_CASE("a job submitted while the last worker goes to sleep is not lost [P24]") {
  // With every length of the look-out, so that submissions meet each moment of the going to sleep.
  for (const int spin : {0, 1, 5, 50}) {
    Pumped pumped(2, std::chrono::microseconds(spin));
    std::deque<test::Job> jobs;
    for (int round = 0; round < 4000; ++round) {
      std::atomic<bool> ran = false;
      jobs.clear();
      pumped.pump.submit(jobs.emplace_back(0, [&](step) { ran = true; }), 1);
      while (!ran) std::this_thread::yield();  // hangs, and times out, where one is lost
      for (int i = 0; i < round % 64; ++i) detail::spin_pause();
    }
  }
  SUCCEED("none was lost");
}

TEST_CASE("what a turn holds back is taken by a worker that runs dry, before the turn ends") {
  Pumped pumped(1);
  std::latch blocked(1);
  std::latch release(1);
  std::latch done(3);
  std::vector<int> order;
  std::deque<test::Job> jobs;
  pumped.pump.submit(jobs.emplace_back(0,
                                       [&](step) {
                                         blocked.count_down();
                                         release.wait();
                                       }),
                     1);
  blocked.wait();
  const detail::turn_scope turn;
  for (int i = 0; i < 3; ++i) {
    pumped.pump.submit(jobs.emplace_back(0,
                                         [&, i](step) {
                                           order.push_back(i);
                                           done.count_down();
                                         }),
                       1);
  }
  release.count_down();
  done.wait();  // for ever, if they had to wait for the end of the turn
  CHECK(order == std::vector{0, 1, 2});
}

TEST_CASE("what a turn holds back is pushed at its end, in order and before what comes later") {
  Pumped pumped(1);
  std::latch blocked(1);
  std::latch release(1);
  std::latch done(4);
  std::vector<int> order;
  std::deque<test::Job> jobs;
  pumped.pump.submit(jobs.emplace_back(0,
                                       [&](step) {
                                         blocked.count_down();
                                         release.wait();
                                       }),
                     1);
  blocked.wait();
  const auto submit = [&](int i) {
    pumped.pump.submit(jobs.emplace_back(0,
                                         [&, i](step) {
                                           order.push_back(i);
                                           done.count_down();
                                         }),
                       1);
  };
  {
    const detail::turn_scope turn;
    submit(0);
    submit(1);
    {
      const detail::turn_scope inner;  // a loop run from a handler
      submit(2);
    }
  }
  submit(3);
  release.count_down();
  done.wait();
  CHECK(order == std::vector{0, 1, 2, 3});
}

TEST_CASE("submissions from turns of several threads are all run") {
  for (const int spin : {0, 5}) {
    Pumped pumped(2, std::chrono::microseconds(spin));
    constexpr int threads = 3;
    constexpr int turns = 500;
    constexpr int per_turn = 10;
    std::atomic<int> ran = 0;
    std::vector<std::thread> loops;
    for (int t = 0; t < threads; ++t) {
      loops.emplace_back([&] {
        for (int i = 0; i < turns; ++i) {
          std::atomic<int> mine = 0;
          std::deque<test::Job> jobs;
          {
            const detail::turn_scope turn;
            for (int j = 0; j < per_turn; ++j) {
              pumped.pump.submit(jobs.emplace_back(0,
                                                   [&](step) {
                                                     ++ran;
                                                     ++mine;
                                                   }),
                                 1);
            }
          }
          while (mine != per_turn) std::this_thread::yield();
        }
      });
    }
    for (auto& loop : loops) loop.join();
    CHECK(ran == threads * turns * per_turn);
  }
}
