// join: different computations in parallel, all results in one tuple.
//
// A request asks for three statistics of one vector, which all three borrow from the coroutine.
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cmath>
#include <cstddef>
#include <exception>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "millrace/compute_pool.hpp"

namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

asio::awaitable<void> summarise(millrace::ComputePool<>& pool) {
  std::vector<double> values(1'000'001);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::fmod(static_cast<double>(i) * 7919.0, 1000.0);
  }

  const auto [average, middle, largest] =
      co_await pool.join([&] { return mean(values); }, [&] { return median(values); },
                         [&] { return *std::max_element(values.begin(), values.end()); });
  std::cout << "mean " << average << ", median " << middle << ", largest " << largest << '\n';

  // All of them run, whichever throws; the first in the order of arguments is what one sees.
  try {
    co_await pool.join([&] { return values.at(0); }, [&] { return values.at(values.size()); },
                       []() -> int { throw std::logic_error("the third, never seen"); });
  } catch (const std::out_of_range&) {
    std::cout << "the second computation was out of range\n";
  }
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  asio::co_spawn(context, summarise(pool), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
