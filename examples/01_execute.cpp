// execute: run one job on the pool, go on with its result on the I/O thread.
//
// The loop stays free meanwhile: a timer ticks while the pool looks for a prime.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "millrace/compute_pool.hpp"

namespace {

bool is_prime(std::uint64_t n) {
  for (std::uint64_t d = 2; d * d <= n; ++d) {
    if (n % d == 0) return false;
  }
  return n > 1;
}

std::uint64_t next_prime(std::uint64_t n) {
  if (n < 2) throw std::invalid_argument("there is no prime below 2");
  while (!is_prime(n)) ++n;
  return n;
}

asio::awaitable<void> tick(const bool& computing, int& ticks) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (computing) {
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    ++ticks;
  }
}

asio::awaitable<void> compute(millrace::ComputePool<>& pool, bool& computing) {
  const std::uint64_t prime = co_await pool.execute([] { return next_prime(900'000'000'000'000); });
  std::cout << "next prime: " << prime << '\n';

  try {
    co_await pool.execute([] { return next_prime(1); });
  } catch (const std::invalid_argument& error) {
    std::cout << "refused:    " << error.what() << '\n';
  }
  computing = false;
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  bool computing = true;
  int ticks = 0;

  asio::co_spawn(context, tick(computing, ticks), rethrow);
  asio::co_spawn(context, compute(pool, computing), rethrow);
  context.run();
  std::cout << "ticks of the loop meanwhile: " << ticks << '\n';
}
