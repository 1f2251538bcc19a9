/// What our sides of the Lambda benchmarks have in common: a line in, a line of JSON out, until the
/// input ends.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace bench {

using Clock = std::chrono::steady_clock;

inline double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Answers one line.
using Answer = asio::awaitable<nlohmann::json> (*)(std::string line, millrace::ComputePool<>& pool);

inline asio::awaitable<void> answer_lines(Answer answer, millrace::ComputePool<>& pool) {
  for (std::string line; std::getline(std::cin, line);) {
    const auto reply = co_await answer(line, pool);
    std::cout << reply.dump() << std::endl;
  }
}

/// The whole of `main`; the only argument is the number of workers.
inline int run_rival(int argc, char** argv, Answer answer) {
  try {
    millrace::ComputeConfig config;
    config.threads = argc == 2 ? std::atoi(argv[1]) : 0;
    millrace::ComputePool<> pool{config};
    asio::io_context context{1};
    std::exception_ptr failure;
    asio::co_spawn(context, answer_lines(answer, pool),
                   [&](std::exception_ptr error) { failure = error; });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace bench
