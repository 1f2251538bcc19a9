// install: any oneTBB algorithm inside spreads over the threads of the pool.
//
// Estimates pi by numeric integration of 4 / (1 + x^2) over [0, 1] in a parallel_reduce.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_reduce.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <cmath>
#include <exception>
#include <functional>
#include <iomanip>
#include <iostream>
#include <numbers>
#include <stdexcept>

#include "millrace/compute_pool.hpp"

namespace {

double integrate(int steps) {
  const double width = 1.0 / steps;
  const double sum = tbb::parallel_reduce(
      tbb::blocked_range<int>(0, steps), 0.0,
      [width](const tbb::blocked_range<int>& part, double partial) {
        for (int i = part.begin(); i != part.end(); ++i) {
          const double x = (i + 0.5) * width;
          partial += 4.0 / (1.0 + x * x);
        }
        return partial;
      },
      std::plus<>());
  return sum * width;
}

asio::awaitable<void> estimate(millrace::ComputePool<>& pool) {
  const double pi = co_await pool.install([] { return integrate(20'000'000); });
  std::cout << "pi is about " << std::setprecision(12) << pi << ", computed by "
            << pool.num_threads() << " workers\n";
  if (std::abs(pi - std::numbers::pi) > 1e-9) throw std::runtime_error("that is not pi");
}

}  // namespace

int main() {
  millrace::ComputePool pool{{.thread_name = "pi"}};
  asio::io_context context;
  asio::co_spawn(context, estimate(pool), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
