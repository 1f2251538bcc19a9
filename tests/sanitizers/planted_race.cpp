// Races on purpose, to show that ThreadSanitizer would find one in a job; and the same without.
//
// Usage: planted_race jobs | parallel_for | ordered
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <iostream>
#include <latch>
#include <string_view>
#include <vector>

#include "millrace/compute_pool.hpp"

namespace {

using millrace::ComputePool;

// Both writers are under way before either writes, so nothing orders the two writes, on any
// machine and in any run.
struct Racy {
  std::latch both{2};
  int value = 0;
};

[[gnu::noinline]] void write_in_a_job(Racy& racy) {
  racy.both.arrive_and_wait();
  racy.value = 1;
}

[[gnu::noinline]] void write_in_an_iteration(Racy& racy) {
  racy.both.arrive_and_wait();
  racy.value = 1;
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
