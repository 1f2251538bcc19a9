#include "millrace/detail/spin_lock.hpp"

#include <mutex>
#include <thread>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("one thread at a time") {
  millrace::detail::spin_lock lock;
  long count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const std::lock_guard guard(lock);
        ++count;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(count == 80'000);
}
