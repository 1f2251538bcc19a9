#include <oneapi/tbb/global_control.h>

#include <asio/detached.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <string>
#include <thread>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/run.hpp"

using millrace::ComputePool;
using test::resident_kib;
using test::threads_of_this_process;

namespace {

void use_a_pool(int workers) {
  ComputePool pool{{.threads = workers}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    co_await p.execute([] {});
    co_await p.execute_scoped([](millrace::Scope& scope) {
      for (int i = 0; i < 10; ++i) scope.spawn([] {});
    });
  }(pool));
}

}  // namespace

TEST_CASE("async_drain completes after every job that was submitted, as does the destructor") {
  std::atomic<int> ended = 0;
  for (int round = 0; round < 50; ++round) {
    {
      ComputePool pool{{.threads = 2}};
      const auto job = [&] {
        std::this_thread::yield();
        ++ended;
      };
      for (int i = 0; i < 50; ++i) pool.execute(job, asio::detached);
      pool.async_drain(asio::use_future).get();
      REQUIRE(ended == round * 100 + 50);
      for (int i = 0; i < 50; ++i) {
        pool.execute(job, [&](std::exception_ptr refused) {
          if (refused) ++ended;
        });
      }
    }
    REQUIRE(ended == (round + 1) * 100);
  }
}

TEST_CASE("a pool that was never used can go") {
  for (int i = 0; i < 100; ++i) ComputePool pool{{.threads = 2}};
  SUCCEED("none of them hung");
}

TEST_CASE("1000 pools made, used and destroyed leave no thread and no memory behind [P26]") {
  oneapi::tbb::task_scheduler_handle scheduler{oneapi::tbb::attach{}};
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first
  const std::ptrdiff_t threads_before = threads_of_this_process();
  // Allocators and oneTBB keep some memory for good; what each pool costs must not add up.
  for (int i = 0; i < 200; ++i) use_a_pool(1 + i % 3);
  const long resident_before = resident_kib();
  for (int i = 0; i < 1000; ++i) use_a_pool(1 + i % 3);
  CHECK(resident_kib() < resident_before + 4096);  // a leak of one 80 KiB counter set: 80 MiB
  CHECK(oneapi::tbb::finalize(scheduler, std::nothrow));
  CHECK(threads_of_this_process() == threads_before);
}
