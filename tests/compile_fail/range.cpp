// Ranges whose elements are gone before the pattern runs, and results that are gone before they
// arrive.
#include <array>
#include <asio/awaitable.hpp>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/patterns.hpp"

namespace {

template <int>
struct Number {
  int value = 0;
};
template <int N>
#ifdef MUST_NOT_COMPILE
using List = std::initializer_list<Number<N>>;
#else
using List = std::vector<Number<N>>;
#endif

constexpr auto identity = [](auto value) { return value; };
constexpr auto maybe = [](auto value) { return std::optional(value); };
constexpr auto nothing = [](auto) {};
constexpr auto left = [](auto a, auto) { return a; };
constexpr auto by_value = [](auto a, auto b) { return a.value < b.value; };

template <int N>
List<N> list() {
  return {{1}, {2}};
}

}  // namespace

asio::awaitable<void> each_pattern(millrace::ComputePool<>& pool);
asio::awaitable<void> each_pattern(millrace::ComputePool<>& pool) {
  // clang-format off
  co_await millrace::parallel_for_each(pool, list<1>(), nothing);  // refused: the elements of a temporary std::initializer_list are gone before the pattern runs
  co_await millrace::parallel_map(pool, list<2>(), identity);  // refused: give it a std::vector or a std::array
  co_await millrace::parallel_filter_map(pool, list<3>(), maybe);  // refused: the elements of a temporary
  co_await millrace::parallel_chunks(pool, {.chunk_size = 1}, list<4>(), [](auto) { return 1; });  // refused: the elements of a temporary
  co_await millrace::parallel_batch(pool, list<5>(), [](auto) { return std::vector<int>(); });  // refused: the elements of a temporary
  co_await millrace::parallel_reduce(pool, list<6>(), Number<6>(), left, left);  // refused: the elements of a temporary
#ifdef MUST_NOT_COMPILE
  // The elements are const as well.
  co_await millrace::parallel_sort(pool, list<7>(), by_value);  // refused: the elements of a temporary
  int array[] = {1, 2};
  co_await millrace::parallel_map(pool, std::move(array), identity);  // refused: an array can't be moved
#else
  co_await millrace::parallel_sort(pool, list<7>(), by_value);
  int array[] = {1, 2};
  co_await millrace::parallel_map(pool, array, identity);
  co_await millrace::parallel_map(pool, std::array{1, 2}, identity);
  co_await millrace::parallel_map(pool, std::span(array), identity);
  const auto numbers = {1, 2};
  co_await millrace::parallel_map(pool, numbers, identity);
#endif
  co_await pool.execute([] { return list<8>(); });  // refused: returns a std::initializer_list, whose elements are gone
  // clang-format on
}
