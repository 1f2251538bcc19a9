// Traces: where the time of each job goes, as a file for Perfetto.
//
//   13_trace [FILE]      then open FILE, trace.json if not given, at https://ui.perfetto.dev
//
// Eight clients send requests, one of four heavy; a report that uses all workers runs meanwhile.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <numeric>
#include <vector>

#include "millrace/metrics_print.hpp"
#include "millrace/patterns.hpp"
#include "millrace/trace.hpp"

namespace {

using Pool = millrace::ComputePool<millrace::TraceMetrics>;

std::uint64_t scramble(std::uint64_t seed, int rounds) {
  for (int i = 0; i < rounds; ++i) seed = (seed ^ (seed >> 29)) * 0xbf58476d1ce4e5b9u + 1;
  return seed;
}

asio::awaitable<void> client(Pool& pool, int number, std::uint64_t& sum) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int i = 0; i < 12; ++i) {
    const auto seed = static_cast<std::uint64_t>(number * 100 + i);
    const std::uint64_t parsed =
        co_await pool.execute({.label = "parse"}, [=] { return scramble(seed, 20'000); });
    const bool heavy = (number + i) % 4 == 0;
    sum += co_await pool.execute({.label = heavy ? "render" : "hash"},
                                 [=] { return scramble(parsed, heavy ? 800'000 : 150'000); });
    timer.expires_after(std::chrono::milliseconds(1 + number % 3));
    co_await timer.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> report(Pool& pool, std::uint64_t& sum) {
  std::vector<std::uint64_t> rows(200'000);
  std::iota(rows.begin(), rows.end(), std::uint64_t{1});
  for (int i = 0; i < 3; ++i) {
    sum += co_await parallel_reduce(
        pool, {.job = {.label = "report"}}, rows, std::uint64_t{0},
        [](std::uint64_t so_far, std::uint64_t row) { return so_far + scramble(row, 20); },
        std::plus<>());
  }
}

}  // namespace

int main(int count, char** values) {
  Pool pool{{.threads = 2, .thread_name = "mill"}};
  asio::io_context context;
  std::uint64_t sum = 0;
  const auto rethrow = [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  };
  for (int i = 0; i < 8; ++i) asio::co_spawn(context, client(pool, i, sum), rethrow);
  asio::co_spawn(context, report(pool, sum), rethrow);
  context.run();

  print_table(std::cout, pool.metrics());
  const char* const name = count > 1 ? values[1] : "trace.json";
  std::ofstream file(name);
  millrace::write_chrome_trace(file, pool.instrumentation().trace());
  if (!file.flush()) return 1;
  std::cout << "\nthe jobs' times are in " << name << ", what they found is " << sum << '\n';
}
