// execute_sync: the pool from plain threads, and the metrics of what it did.
//
// A thread without an event loop, a command-line tool say, shares the pool with the services.
// Called by a job of the same pool, it runs inline instead of waiting for a worker that may never
// be free.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "millrace/compute_pool.hpp"

namespace {

std::uint64_t collatz_steps(std::uint64_t n) {
  std::uint64_t steps = 0;
  for (; n != 1; ++steps) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
  return steps;
}

std::uint64_t longest_below(std::uint64_t end) {
  std::uint64_t longest = 0;
  for (std::uint64_t n = 1; n < end; ++n) longest = std::max(longest, collatz_steps(n));
  return longest;
}

void print(const millrace::MetricsSnapshot& metrics) {
  const auto us = [](std::chrono::nanoseconds time) { return time.count() / 1000; };
  std::cout << metrics.submitted << " jobs, " << metrics.failed << " failed; waited "
            << us(metrics.queue_wait.p50) << " us (p50), ran " << us(metrics.run_time.p50)
            << " us (p50) to " << us(metrics.run_time.max) << " us (max)\n";
}

}  // namespace

int main() {
  millrace::ComputePool pool{{.threads = 1}};

  std::vector<std::thread> callers;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    callers.emplace_back([&pool, i] {
      // The inner call would wait for the pool's only worker, which is busy with the outer one.
      pool.execute_sync(
          [&] { return pool.execute_sync([i] { return longest_below(i * 10'000); }); });
    });
  }
  for (auto& caller : callers) caller.join();

  try {
    pool.execute_sync([] { throw std::runtime_error("as thrown by the job"); });
  } catch (const std::runtime_error& error) {
    std::cout << "caught: " << error.what() << '\n';
  }
  print(pool.metrics());
}
