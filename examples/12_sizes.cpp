// Sizes: a caller who knows how long a job takes says so. Small ones run where they are, medium
// ones too while another thread serves the loop, large ones on the pool. A check counts who is
// wrong. For a caller who doesn't know, execute_adaptive learns it.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdint>
#include <exception>
#include <iostream>
#include <numeric>
#include <thread>
#include <vector>

#include "millrace/adaptive.hpp"
#include "millrace/job_size.hpp"

namespace {

// `millrace::NoSizeCheck checks;` in its place costs nothing.
millrace::SizeCheck<> checks;

std::vector<std::uint32_t> squares(std::uint32_t count) {
  std::vector<std::uint32_t> all(count);
  for (std::uint32_t i = 0; i < count; ++i) all[i] = i * i;
  return all;
}

std::uint64_t sum_of(const std::vector<std::uint32_t>& all) {
  return std::accumulate(all.begin(), all.end(), std::uint64_t{0});
}

asio::awaitable<void> compute(millrace::ComputePool<>& pool) {
  const auto small = [] { return sum_of(squares(1'000)); };
  const auto medium = [] { return sum_of(squares(200'000)); };
  const auto large = [] { return sum_of(squares(5'000'000)); };

  std::cout << co_await compute_small(checks, small) << '\n';
  std::cout << co_await compute_medium(checks, pool, medium) << '\n';
  std::cout << co_await compute_large(checks, pool, large) << '\n';

  // Said to be large, which it is not: a hop for nothing, and the check tells.
  for (int i = 0; i < 10; ++i) co_await compute_large(checks, pool, small);
}

// Jobs of two kinds, told apart by their labels, each of which finds its own place.
asio::awaitable<void> learn(millrace::ComputePool<>& pool) {
  int on_loop[2] = {};
  for (int i = 0; i < 2'000; ++i) {
    const bool long_one = i % 100 == 0;
    const auto job = [&, long_one] {
      if (!pool.get_executor().running_in_this_thread()) ++on_loop[long_one ? 1 : 0];
      return sum_of(squares(long_one ? 1'000'000 : 100));
    };
    co_await execute_adaptive(pool, {.label = long_one ? "long" : "short"}, job);
  }
  std::cout << "on the loop: " << on_loop[0] << " of 1980 short and " << on_loop[1]
            << " of 20 long jobs\n";
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  millrace::set_io_threads(pool, 2);
  const auto rethrow = [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  };
  asio::co_spawn(context, compute(pool), rethrow);
  {
    const std::jthread another([&] { context.run(); });
    context.run();
  }
  asio::co_spawn(context, learn(pool), rethrow);
  context.restart();
  context.run();
  checks.print(std::cout);
}
