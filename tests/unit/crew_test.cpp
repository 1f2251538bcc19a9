#include "millrace/detail/crew.hpp"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <latch>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "support/catch.hpp"

namespace detail = millrace::detail;

namespace {

// Counts what its threads do; each shift waits until it is released.
struct Counting final : detail::crew::duty {
  void live(std::size_t, detail::crew::shifts all) noexcept override {
    ++begun;
    all();
    ++ended;
  }
  void work(std::size_t index) noexcept override {
    {
      const std::lock_guard lock(mutex);
      seen.insert(index);
    }
    ++shifts;
    while (held) std::this_thread::yield();
  }

  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  std::atomic<int> shifts = 0;
  std::atomic<bool> held = false;
  std::mutex mutex;
  std::set<std::size_t> seen;
};

void wait_for(const std::atomic<int>& count, int value) {
  while (count != value) std::this_thread::yield();  // hangs, and times out, if it never comes
}

}  // namespace

TEST_CASE("a thread starts when it is first called, and ends with its crew") {
  Counting duty;
  {
    detail::crew crew(duty, 3, 0);
    CHECK(duty.begun == 0);
    crew.call();
    wait_for(duty.shifts, 1);
    CHECK(duty.begun == 1);
    crew.stop();
    CHECK(duty.ended == 1);
  }
}

TEST_CASE("calls bring as many threads at once as there are") {
  Counting duty;
  duty.held = true;
  detail::crew crew(duty, 3, 0);
  for (int i = 0; i < 3; ++i) crew.call();
  wait_for(duty.shifts, 3);
  CHECK(duty.seen == std::set<std::size_t>{0, 1, 2});
  duty.held = false;
  crew.stop();
  CHECK(duty.ended == 3);
}

TEST_CASE("a call that comes while all are at work brings the first that has done") {
  Counting duty;
  duty.held = true;
  detail::crew crew(duty, 1, 0);
  crew.call();
  wait_for(duty.shifts, 1);
  crew.call();
  duty.held = false;
  wait_for(duty.shifts, 2);
  crew.stop();
}

TEST_CASE("no call is lost while a thread goes to sleep [P24]") {
  Counting duty;
  detail::crew crew(duty, 1, 0);
  for (int round = 1; round <= 20000; ++round) {
    crew.call();
    wait_for(duty.shifts, round);
  }
  crew.stop();
  CHECK(duty.begun == 1);
}

TEST_CASE("a stopped crew takes no calls") {
  Counting duty;
  detail::crew crew(duty, 2, 0);
  crew.stop();
  crew.call();
  CHECK(duty.begun == 0);
}

TEST_CASE("a thread that the system doesn't give is an error, and the next call tries again") {
  Counting duty;
  detail::crew crew(duty, 1, std::size_t{1} << 46);  // more than any machine has addresses for
  CHECK_THROWS_AS(crew.call(), std::system_error);
  CHECK_THROWS_AS(crew.call(), std::system_error);
  crew.stop();
  CHECK(duty.begun == 0);
}

TEST_CASE(
    "threads take no signal that the program may wait for, but those of their own faults [P55]") {
  struct Masked final : detail::crew::duty {
    void live(std::size_t, detail::crew::shifts all) noexcept override { all(); }
    void work(std::size_t) noexcept override {
      ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
      done.count_down();
    }
    sigset_t mask{};
    std::latch done{1};
  } duty;
  detail::crew crew(duty, 1, 0);
  crew.call();
  duty.done.wait();
  crew.stop();
  for (const int blocked : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGALRM, SIGCHLD, SIGPIPE}) {
    CHECK(sigismember(&duty.mask, blocked) == 1);
  }
  for (const int open : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    CHECK(sigismember(&duty.mask, open) == 0);
  }
  sigset_t own;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &own);
  CHECK(sigismember(&own, SIGTERM) == 0);
}
