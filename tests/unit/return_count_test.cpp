#include "millrace/detail/return_count.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <optional>
#include <thread>
#include <utility>

#include "support/catch.hpp"
#include "support/test_jobs.hpp"

using millrace::detail::job;
using millrace::detail::job_batch;
using millrace::detail::live_pools;
using millrace::detail::return_count;

namespace {

class Count final : public return_count {};

}  // namespace

TEST_CASE("with nothing out a count closes at once") {
  Count count;
  count.close();
  {
    const return_count::share none(nullptr);
  }
  count.close();
  SUCCEED("it did not hang");
}

TEST_CASE("a share names its count until it is moved from") {
  Count count;
  return_count::share first(&count);
  CHECK(first.home() == static_cast<return_count*>(&count));
  const return_count::share second(std::move(first));
  CHECK(first.home() == nullptr);  // NOLINT: that is the question
  CHECK(second.home() == static_cast<return_count*>(&count));
  CHECK(return_count::share(nullptr).home() == nullptr);
}

TEST_CASE("closing waits for each share, moved or not, and the count may go at once") {
  for (int round = 0; round < 500; ++round) {
    std::optional<Count> count(std::in_place);
    std::optional<return_count::share> first(std::in_place, &*count);
    std::optional<return_count::share> second(std::in_place, &*count);
    std::atomic<int> out = 2;
    std::latch begun(2);
    std::thread ends_first([&] {
      begun.arrive_and_wait();
      return_count::share mine(*std::exchange(first, std::nullopt));
      const return_count::share moved(std::move(mine));
      --out;
    });
    std::thread ends_second([&] {
      begun.arrive_and_wait();
      std::this_thread::yield();
      --out;
      second.reset();
    });
    count->close();
    REQUIRE(out == 0);
    count.reset();  // an end that still touched it would be caught by the sanitizers
    ends_first.join();
    ends_second.join();
  }
}

TEST_CASE("closing drops the jobs that haven't begun") {
  Count count;
  std::optional<return_count::share> out(std::in_place, &count);

  struct Pool final : live_pools::member {
    Pool() { live_pools::add(*this); }
    ~Pool() { live_pools::remove(*this); }
    void take_jobs_of(const void* home, job_batch& all) noexcept override {
      if (queued != nullptr && queued->home() == home) all.append(*std::exchange(queued, nullptr));
    }
    job* queued = nullptr;
  } pool;

  std::optional<job::step> what;
  test::Job queued(0, [&](job::step which) {
    what = which;
    out.reset();
  });
  queued.comes_home_to = out->home();
  pool.queued = &queued;
  count.close();  // for ever, if the job stayed
  CHECK(what == job::step::settle);
}

TEST_CASE("in a forked child nothing that the parent has out is waited for") {
  Count count;
  const return_count::share out(&count);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(10);
    count.close();
    ::_exit(0);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
}
