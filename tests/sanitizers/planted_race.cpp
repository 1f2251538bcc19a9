// Races on purpose, to show that ThreadSanitizer would find one in a job; and the same without.
//
// Usage: planted_race jobs | parallel_for | ordered
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <exception>
#include <iostream>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/compute_pool.hpp"

namespace {

using millrace::ComputePool;

// Both writers are under way before either writes, so nothing orders their writes, on any machine
// and in any run. Not with a latch: all atomics' waits of a process share a few counters, by which
// ThreadSanitizer may take a late waiter for ordered after whatever else has used the same one.
// Many writes, because it overlooks two that happen at the very same moment.
class Racy {
 public:
  void meet() {
    arrived_.fetch_add(1, std::memory_order_relaxed);
    while (arrived_.load(std::memory_order_relaxed) != 2) std::this_thread::yield();
  }
  void write() {
    for (int i = 0; i < 100; ++i) {
      value_ = i;
      std::this_thread::yield();
    }
  }

 private:
  std::atomic<int> arrived_ = 0;
  volatile int value_ = 0;  // each write is one
};

[[gnu::noinline]] void write_in_a_job(Racy& racy) {
  racy.meet();
  racy.write();
}

[[gnu::noinline]] void write_in_an_iteration(Racy& racy) {
  racy.meet();
  racy.write();
}

asio::awaitable<void> one_of_two_jobs(ComputePool<>& pool, Racy& racy) {
  co_await pool.execute([&racy] { write_in_a_job(racy); });
}

asio::awaitable<void> two_iterations(ComputePool<>& pool, Racy& racy) {
  const auto spread = [&racy] {
    tbb::parallel_for(
        0, 2, [&racy](int) { write_in_an_iteration(racy); }, tbb::simple_partitioner());
  };
  co_await pool.install(spread);
}

// The loop, a job, the iterations of a parallel_for and the loop again write one after the other,
// ordered by nothing but the hop and oneTBB.
asio::awaitable<void> in_turns(ComputePool<>& pool, std::vector<int>& values) {
  const auto job = [&values] {
    for (int& value : values) ++value;
  };
  const auto spread = [&values] {
    tbb::parallel_for(std::size_t{0}, values.size(), [&values](std::size_t i) { ++values[i]; });
  };
  for (int round = 0; round < 100; ++round) {
    for (int& value : values) ++value;
    co_await pool.execute(job);
    co_await pool.install(spread);
  }
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  Racy racy;
  std::vector<int> values(1000);
  if (what == "jobs") {
    asio::co_spawn(context, one_of_two_jobs(pool, racy), rethrow);
    asio::co_spawn(context, one_of_two_jobs(pool, racy), rethrow);
  } else if (what == "parallel_for") {
    asio::co_spawn(context, two_iterations(pool, racy), rethrow);
  } else if (what == "ordered") {
    asio::co_spawn(context, in_turns(pool, values), rethrow);
  } else {
    std::cerr << "usage: planted_race jobs | parallel_for | ordered\n";
    return 2;
  }
  context.run();
}
