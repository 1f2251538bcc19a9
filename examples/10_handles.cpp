// Handles: start now, await later. And the current pool: no pool to pass around.
//
// The search for a prime runs while the coroutine waits for something else. Of several searches the
// first that is wanted is kept; the others are cancelled by their handles' end.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stop_token>
#include <system_error>
#include <vector>

#include "millrace/current_pool.hpp"
#include "millrace/handle.hpp"

namespace {

// 0 if it is told to stop.
std::uint64_t next_prime(std::uint64_t n, const std::stop_token& stop) {
  for (;; ++n) {
    bool prime = n > 1;
    for (std::uint64_t d = 2; prime && d * d <= n; ++d) {
      prime = n % d != 0;
      if (d % 1024 == 0 && stop.stop_requested()) return 0;
    }
    if (prime) return n;
  }
}

// Somewhere deep in a program, where nobody knows of a pool.
asio::awaitable<std::uint64_t> digit_sum(std::uint64_t n) {
  co_return co_await millrace::execute([&] {
    std::uint64_t sum = 0;
    for (std::uint64_t rest = n; rest != 0; rest /= 10) sum += rest % 10;
    return sum;
  });
}

asio::awaitable<void> compute() {
  auto& pool = millrace::current_pool(co_await asio::this_coro::executor);

  // The jobs own what they need: a handle may go before its job has ended.
  std::vector<millrace::ComputeHandle<std::uint64_t>> searches;
  for (const std::uint64_t from :
       {900'000'000'000'000u, 910'000'000'000'000u, 920'000'000'000'000u}) {
    searches.push_back(millrace::spawn(
        pool, [from](const std::stop_token& stop) { return next_prime(from, stop); }));
  }

  asio::steady_timer other_things(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await other_things.async_wait(asio::use_awaitable);

  const std::uint64_t prime = co_await searches.front().async_wait();
  searches.clear();
  std::cout << "prime: " << prime << ", sum of its digits: " << co_await digit_sum(prime) << '\n';
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  const millrace::Attachment attached = millrace::attach(context, pool);
  asio::co_spawn(context, compute(), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
