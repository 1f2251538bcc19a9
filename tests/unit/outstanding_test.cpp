#include "millrace/detail/outstanding.hpp"

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "support/catch.hpp"

TEST_CASE("waiting with nothing outstanding returns") {
  millrace::detail::outstanding_count count;
  count.wait();
  SUCCEED();
}

TEST_CASE("waiting returns after the last release, and the count may go at once") {
  for (int round = 0; round < 2000; ++round) {
    std::optional<millrace::detail::outstanding_count> count(std::in_place);
    std::atomic<int> left = 3;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) count->add();
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        --left;
        count->release();
      });
    }
    count->wait();
    REQUIRE(left == 0);
    count.reset();  // a release that still touched it would be caught by the sanitizers
    for (auto& thread : threads) thread.join();
  }
}
