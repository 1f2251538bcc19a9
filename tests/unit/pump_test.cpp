#include "millrace/detail/pump.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

namespace detail = millrace::detail;
using step = detail::job::step;

namespace {

struct Pumped {
  explicit Pumped(int threads, std::chrono::nanoseconds idle_spin = {})
      : workers({.threads = threads, .thread_name = "pump"}, this, errand{*this}),
        pump(workers, this, idle_spin, keep) {}
  ~Pumped() {
    keep.wait();
    workers.stop();
  }

  void submit(test::Job& one, std::size_t priority = 1) {
    one.priority = static_cast<std::uint8_t>(priority);
    keep.add_job();
    pump.submit(one);
  }

  struct errand {
    Pumped& self;
    void operator()() const noexcept { self.pump.work(); }
  };
  using threads_type = detail::workers<errand>;

  detail::outstanding_count keep;
  threads_type workers;
  detail::pump<threads_type> pump;
};

// One worker, kept busy by a first job, and jobs behind it that write down in which order they ran.
class Behind {
 public:
  explicit Behind(int expected) : done_(expected) {
    pumped_.submit(blocker_);
    blocked_.wait();
  }

  void submit(int number, std::size_t priority = 1) {
    test::Job& next = jobs_.emplace_back(number, [this, number](step) {
      order_.push_back(number);
      done_.count_down();
    });
    pumped_.submit(next, priority);
  }

  // Lets the worker go on, and gives the order in which it ran what was expected.
  std::vector<int> order() {
    release_.count_down();
    done_.wait();
    return order_;
  }

 private:
  std::latch blocked_{1};
  std::latch release_{1};
  std::latch done_;
  std::vector<int> order_;
  test::Job blocker_{0, [this](step) {
                       blocked_.count_down();
                       release_.wait();
                     }};
  std::deque<test::Job> jobs_;
  Pumped pumped_{1};
};

}  // namespace

TEST_CASE("one worker runs jobs by priority, then in order") {
  Behind behind(4);
  behind.submit(22, 2);
  behind.submit(11, 1);
  behind.submit(0, 0);
  behind.submit(12, 1);
  CHECK(behind.order() == std::vector{0, 11, 12, 22});
}

TEST_CASE("a job submitted while the last worker goes to sleep is not lost [P24]") {
  // With every length of the look-out, so that submissions meet each moment of the going to sleep.
  for (const int spin : {0, 1, 5, 50}) {
    Pumped pumped(2, std::chrono::microseconds(spin));
    std::deque<test::Job> jobs;
    for (int round = 0; round < 4000; ++round) {
      std::atomic<bool> ran = false;
      jobs.clear();
      pumped.submit(jobs.emplace_back(0, [&](step) { ran = true; }), 1);
      while (!ran) std::this_thread::yield();  // hangs, and times out, where one is lost
      for (int i = 0; i < round % 64; ++i) detail::spin_pause();
    }
  }
  SUCCEED("none was lost");
}

TEST_CASE("what a turn holds back is taken by a worker that runs dry, before the turn ends") {
  Behind behind(3);
  const detail::turn_scope turn;
  for (int i = 0; i < 3; ++i) behind.submit(i);
  // For ever, if they had to wait for the end of the turn.
  CHECK(behind.order() == std::vector{0, 1, 2});
}

TEST_CASE("what a turn holds back is pushed at its end, in order and before what comes later") {
  Behind behind(4);
  {
    const detail::turn_scope turn;
    behind.submit(0);
    behind.submit(1);
    {
      const detail::turn_scope inner;  // a loop run from a handler
      behind.submit(2);
    }
  }
  behind.submit(3);
  CHECK(behind.order() == std::vector{0, 1, 2, 3});
}

TEST_CASE("a turn that holds back many pushes them in between") {
  Behind behind(34);
  {
    const detail::turn_scope turn;
    for (int i = 0; i < 33; ++i) behind.submit(i);
    std::thread([&] { behind.submit(100); }).join();
  }
  std::vector<int> expected(32);
  std::iota(expected.begin(), expected.end(), 0);
  expected.insert(expected.end(), {100, 32});
  CHECK(behind.order() == expected);
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
              pumped.submit(jobs.emplace_back(0,
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
