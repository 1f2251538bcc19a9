#include "millrace/detail/deadline_timer.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <deque>
#include <functional>
#include <latch>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using millrace::detail::deadline_timer;
using time_point = deadline_timer::time_point;

namespace {

class Entry final : public deadline_timer::entry {
 public:
  using action = std::function<void(deadline_timer&)>;

  Entry(time_point when, action act) : entry(when), action_(std::move(act)) {}

 private:
  void deadline_came(deadline_timer& timer) noexcept override { action_(timer); }

  action action_;
};

time_point in(std::chrono::nanoseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// Keeps the timer's thread busy, so that what is added meanwhile is added before it looks.
class Hold {
 public:
  explicit Hold(deadline_timer& timer) : timer_(timer) {
    timer_.add(first_);
    held_.wait();
  }
  ~Hold() { timer_.remove(first_); }
  void let_go() { released_.count_down(); }

 private:
  deadline_timer& timer_;
  std::latch held_{1};
  std::latch released_{1};
  Entry first_{time_point::min(), [this](deadline_timer&) {
                 held_.count_down();
                 released_.wait();
               }};
};

}  // namespace

TEST_CASE("a timer that was never used can go, and so can one with time left") {
  {
    const deadline_timer unused;
  }
  Entry far_away(deadline_timer::never - std::chrono::nanoseconds(1), [](deadline_timer&) {});
  deadline_timer timer;
  timer.add(far_away);
  timer.remove(far_away);
  SUCCEED("none of them hung");
}

TEST_CASE("a deadline comes, on another thread, not before its time") {
  std::latch came(1);
  std::thread::id where;
  time_point at;
  deadline_timer timer;
  const time_point due = in(std::chrono::milliseconds(5));
  Entry one(due, [&](deadline_timer&) {
    where = std::this_thread::get_id();
    at = std::chrono::steady_clock::now();
    came.count_down();
  });
  CHECK(one.when() == due);
  timer.add(one);
  came.wait();
  CHECK(where != std::this_thread::get_id());
  CHECK(at >= due);
  timer.remove(one);
}

TEST_CASE("a nearer deadline overtakes the one that the timer sleeps for") {
  deadline_timer timer;
  Entry far_away(in(std::chrono::hours(1)), [](deadline_timer&) {});
  timer.add(far_away);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < round; ++i) std::this_thread::yield();  // until it sleeps, as a rule
    std::atomic<bool> came = false;
    Entry near(in(std::chrono::microseconds(round)), [&](deadline_timer&) { came = true; });
    timer.add(near);
    while (!came) std::this_thread::yield();  // an hour, where it isn't woken
    timer.remove(near);
  }
  timer.remove(far_away);
  SUCCEED("it was woken each time");
}

TEST_CASE("deadlines come in order, whatever order they were added in, without those removed") {
  constexpr int count = 200;
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    deadline_timer timer;
    Hold hold(timer);
    std::vector<int> order;
    std::latch last(1);
    std::deque<Entry> entries;
    std::vector<int> numbers(count);
    for (int i = 0; i < count; ++i) numbers[static_cast<std::size_t>(i)] = i;
    const time_point before = in(-std::chrono::seconds(1));
    for (int i = 0; i < count; ++i) {
      entries.emplace_back(before + std::chrono::nanoseconds(i),
                           [&order, i](deadline_timer&) { order.push_back(i); });
    }
    Entry end(before + std::chrono::nanoseconds(count),
              [&](deadline_timer&) { last.count_down(); });
    std::shuffle(numbers.begin(), numbers.end(), random);
    for (const int i : numbers) timer.add(entries[static_cast<std::size_t>(i)]);
    timer.add(end);
    std::shuffle(numbers.begin(), numbers.end(), random);
    std::vector<int> expected;
    for (int n = 0; n < count; ++n) {
      const int i = numbers[static_cast<std::size_t>(n)];
      if (n % 2 == 0) {
        timer.remove(entries[static_cast<std::size_t>(i)]);
      } else {
        expected.push_back(i);
      }
    }
    std::sort(expected.begin(), expected.end());
    hold.let_go();
    last.wait();
    timer.remove(end);
    REQUIRE(order == expected);
  }
}

TEST_CASE("removing waits for a deadline that is just coming") {
  deadline_timer timer;
  for (int round = 0; round < 200; ++round) {
    std::latch coming(1);
    std::atomic<bool> done = false;
    Entry one(time_point::min(), [&](deadline_timer&) {
      coming.count_down();
      for (int i = 0; i < 20; ++i) std::this_thread::yield();
      done = true;
    });
    timer.add(one);
    coming.wait();
    timer.remove(one);
    REQUIRE(done);
  }
}

TEST_CASE("removing doesn't wait for an entry that was let go, and may come from within") {
  std::latch removed(1);
  std::latch ended(1);
  std::latch let_go(1);
  deadline_timer timer;
  Entry one(time_point::min(), [&](deadline_timer& its) {
    its.let_go();
    its.remove(one);  // as the operation does that expires
    let_go.count_down();
    removed.wait();
    ended.count_down();
  });
  timer.add(one);
  let_go.wait();
  timer.remove(one);  // for ever, if it waited for what waits for it
  removed.count_down();
  ended.wait();
  SUCCEED();
}

TEST_CASE("removing one entry doesn't wait for another that is just coming") {
  deadline_timer timer;
  Hold hold(timer);
  Entry other(in(std::chrono::hours(1)), [](deadline_timer&) {});
  timer.add(other);
  timer.remove(other);  // for ever, if it did
  timer.remove(other);  // nor does it mind
  hold.let_go();
  SUCCEED();
}

TEST_CASE("an entry may be added again") {
  std::atomic<int> came = 0;
  deadline_timer timer;
  Entry one(time_point::min(), [&](deadline_timer&) { ++came; });
  for (int i = 1; i <= 3; ++i) {
    timer.add(one);
    while (came < i) std::this_thread::yield();
    timer.remove(one);
  }
  CHECK(came == 3);
}

TEST_CASE("threads that add and remove: each deadline comes once, or never after its removal") {
  constexpr int each = 3000;
  deadline_timer timer;
  std::atomic<int> after_removal = 0;
  std::atomic<int> twice = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        std::atomic<int> came = 0;
        std::atomic<bool> removed = false;
        Entry one(in(std::chrono::microseconds(i % 20)), [&](deadline_timer&) {
          if (removed) ++after_removal;
          if (++came > 1) ++twice;
        });
        timer.add(one);
        for (int n = 0; n < i % 10; ++n) std::this_thread::yield();
        timer.remove(one);
        removed = true;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(after_removal == 0);
  CHECK(twice == 0);
}

TEST_CASE("the timer's thread takes no signals, and the maker's mask stays as it was") {
  const auto is_blocked = [](int signal) {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return ::sigismember(&mask, signal) == 1;
  };
  sigset_t usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  sigset_t usr2;
  ::sigemptyset(&usr2);
  ::sigaddset(&usr2, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &usr2, nullptr);
  deadline_timer timer;
  CHECK_FALSE(is_blocked(SIGUSR1));
  CHECK(is_blocked(SIGUSR2));
  ::pthread_sigmask(SIG_UNBLOCK, &usr2, nullptr);
  std::latch came(1);
  bool blocked = false;
  Entry one(time_point::min(), [&](deadline_timer&) {
    blocked = is_blocked(SIGUSR1);
    came.count_down();
  });
  timer.add(one);
  came.wait();
  timer.remove(one);
  CHECK(blocked);
}
