#include "millrace/io_threads.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using millrace::ComputePool;
using millrace::InlinePermits;

TEST_CASE("there is one permit less than I/O threads [P45]") {
  InlinePermits permits(3);
  const auto first = permits.try_acquire();
  std::optional<InlinePermits::Permit> second(permits.try_acquire());
  const auto third = permits.try_acquire();
  CHECK(first);
  CHECK(*second);
  CHECK_FALSE(third);
  CHECK(permits.used() == 2);
  second.reset();
  CHECK(permits.used() == 1);
  CHECK(permits.try_acquire());
}

TEST_CASE("one I/O thread has no permit [P45]") {
  InlinePermits permits;
  CHECK(permits.io_threads() == 1);
  CHECK_FALSE(permits.try_acquire());
}

TEST_CASE("a permit that is moved is given back once") {
  InlinePermits permits(2);
  {
    auto one = permits.try_acquire();
    const auto other = std::move(one);
    CHECK(permits.used() == 1);
  }
  CHECK(permits.used() == 0);
}

TEST_CASE("threads that race for permits never have all of them [P45]") {
  constexpr int threads = 4;
  InlinePermits permits(threads);
  std::barrier start(threads);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  {
    std::vector<std::jthread> racing;
    for (int i = 0; i < threads; ++i) {
      racing.emplace_back([&] {
        start.arrive_and_wait();
        for (int n = 0; n < 2'000; ++n) {
          if (const auto permit = permits.try_acquire()) {
            const int now = ++inside;
            int seen = most;
            while (seen < now && !most.compare_exchange_weak(seen, now)) {
            }
            --inside;
          }
        }
      });
    }
  }
  CHECK(most <= threads - 1);
  CHECK(permits.used() == 0);
}

TEST_CASE("a pool has permits of its own once it knows its I/O threads") {
  ComputePool one{{.threads = 1}};
  ComputePool other{{.threads = 1}};
  CHECK(millrace::inline_permits(one).io_threads() == 1);
  millrace::set_io_threads(one, 2);
  CHECK(millrace::inline_permits(one).try_acquire());
  CHECK_FALSE(millrace::inline_permits(other).try_acquire());
}

TEST_CASE("a pool at the address of another has not got its permits") {
  std::optional<ComputePool<>> pool;
  pool.emplace(millrace::ComputeConfig{.threads = 1});
  millrace::set_io_threads(*pool, 2);
  pool.emplace(millrace::ComputeConfig{.threads = 1});
  CHECK(millrace::inline_permits(*pool).io_threads() == 1);
}

TEST_CASE("less than one I/O thread is refused by field and value") {
  ComputePool pool{{.threads = 1}};
  CHECK_THROWS_WITH(millrace::set_io_threads(pool, 0),
                    "millrace::InlinePermits: io_threads is 0, should be at least 1");
  CHECK_THROWS_AS(InlinePermits(-1), std::invalid_argument);
}
