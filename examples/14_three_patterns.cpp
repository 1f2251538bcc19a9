// Three patterns at once: three coroutines share one pool, each with its own way to divide work.
// Each looks for pi: a scope by an integral that is split where its curve bends, a loop by counting
// the points of a grid in a circle, a join by series that give digits far behind the point.
#include <asio/co_spawn.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <numbers>
#include <numeric>
#include <ranges>
#include <utility>

#include "millrace/patterns.hpp"

namespace {

constexpr std::int64_t far = 100'000;

double simpson(double a, double b) {
  const auto curve = [](double x) { return 4 / (1 + x * x); };
  return (b - a) / 6 * (curve(a) + 4 * curve((a + b) / 2) + curve(b));
}
void integrate(millrace::Scope& scope, double a, double b, std::atomic<double>& sum) {
  const double middle = (a + b) / 2, halves = simpson(a, middle) + simpson(middle, b);
  if (std::abs(halves - simpson(a, b)) < 1e-14) return void(sum += halves);
  scope.spawn([=, &sum](millrace::Scope& inner) { integrate(inner, a, middle, sum); });
  scope.spawn([=, &sum](millrace::Scope& inner) { integrate(inner, middle, b, sum); });
}
asio::awaitable<double> area(millrace::ComputePool<>& pool) {
  std::atomic<double> sum = 0;
  co_await pool.execute_scoped([&](millrace::Scope& scope) { integrate(scope, 0, 1, sum); });
  co_return sum;
}

asio::awaitable<long long> points_in_circle(millrace::ComputePool<>& pool) {
  const auto count = [](auto rows) {
    double points = 0;
    for (const auto y : rows) points += 1 + 2 * std::floor(std::sqrt(far * far - y * y));
    return points;
  };
  const auto parts = co_await parallel_chunks(pool, std::views::iota(-far, far + 1), count);
  co_return std::llround(std::accumulate(parts.begin(), parts.end(), 0.0));
}

double power_of_16(std::int64_t n, double modulo) {
  if (n == 0) return 1;
  const double half = power_of_16(n / 2, modulo);
  return std::fmod(half * half * (n % 2 == 0 ? 1 : 16), modulo);
}
double series(double by) {
  double sum = 0;
  for (auto n = far; n >= 0; --n, by += 8) sum = std::fmod(sum + power_of_16(n, by) / by, 1);
  return sum;
}
asio::awaitable<std::uint32_t> hex_digits(millrace::ComputePool<>& pool) {
  const auto [left, right] = co_await pool.join([] { return 4 * series(1) - 2 * series(4); },
                                                [] { return series(5) + series(6); });
  co_return static_cast<std::uint32_t>(std::fmod(left - right + 4, 1) * 0x1p28);
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  using namespace asio::experimental::awaitable_operators;
  auto all = area(pool) && points_in_circle(pool) && hex_digits(pool);
  auto found = asio::co_spawn(context, std::move(all), asio::use_future);
  context.run();
  const auto [pi, points, digits] = found.get();
  std::cout << pi << " from a scope, " << points << " / " << far
            << "^2 from a loop, and the digits " << std::hex << digits << " from a join\n";
  const bool right = std::abs(pi - std::numbers::pi) < 1e-10 && points == 31'415'925'457;
  return right && digits == 0x35ea16c ? 0 : 1;
}
