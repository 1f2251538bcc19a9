// A callable that returns an asio::awaitable: the coroutine would never be started. Each entry
// point has a type of its own, as compilers report the same refusal once.
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <cstddef>
#include <optional>
#include <vector>

#include "millrace/adaptive.hpp"
#include "millrace/compute_pool.hpp"
#include "millrace/current_pool.hpp"
#include "millrace/handle.hpp"
#include "millrace/job_size.hpp"
#include "millrace/patterns.hpp"
#include "millrace/size_check.hpp"
#include "millrace/stream.hpp"

namespace {

template <int>
struct Value {
  int number = 0;
};

#ifdef MUST_NOT_COMPILE
template <int N>
asio::awaitable<Value<N>> work() {
  co_return Value<N>();
}
#else
template <int N>
Value<N> work() {
  return {};
}
#endif

constexpr auto total = [](auto a, auto) { return a; };

}  // namespace

asio::awaitable<void> every_entry_point(millrace::ComputePool<>& pool, std::vector<int>& numbers,
                                        millrace::SizeCheck<>& check);
asio::awaitable<void> every_entry_point(millrace::ComputePool<>& pool, std::vector<int>& numbers,
                                        millrace::SizeCheck<>& check) {
  const auto source = []() -> asio::awaitable<std::optional<int>> { co_return std::nullopt; };
  const auto sink = [](auto&&) {};
  // clang-format off
  co_await pool.execute([] { return work<1>(); });  // refused: returns an awaitable, which nobody would await
  co_await pool.execute({.label = "a"}, [](std::stop_token) { return work<2>(); });  // refused: returns an awaitable
  co_await pool.install([] { return work<3>(); });  // refused: return the value itself, or co_spawn the coroutine
  co_await pool.join([] {}, [] { return work<4>(); });  // refused: returns an awaitable
  co_await pool.execute_scoped([](millrace::Scope&) { return work<5>(); });  // refused: returns an awaitable
  co_await pool.execute_scoped_fifo([](millrace::Scope& scope) {
    scope.spawn([] { return work<6>(); });  // refused: returns an awaitable
    scope.spawn([](millrace::Scope&) { return work<7>(); });  // refused: returns an awaitable
  });
  pool.execute_sync([] { return work<8>(); });  // refused: returns an awaitable
  auto handle = millrace::spawn(pool, [] { return work<9>(); });  // refused: returns an awaitable
  handle.detach();
  co_await millrace::execute([] { return work<10>(); });  // refused: returns an awaitable
  co_await millrace::install([] { return work<11>(); });  // refused: returns an awaitable
  co_await millrace::join([] { return work<12>(); }, [] {});  // refused: returns an awaitable
  co_await millrace::execute_scoped([](millrace::Scope&) { return work<13>(); });  // refused: returns an awaitable
  co_await millrace::compute_small([] { return work<14>(); });  // refused: returns an awaitable
  co_await millrace::compute_medium(pool, [] { return work<15>(); });  // refused: returns an awaitable
  co_await millrace::compute_large(pool, [] { return work<16>(); });  // refused: returns an awaitable
  co_await millrace::compute_large(check, pool, [] { return work<17>(); });  // refused: returns an awaitable
  co_await millrace::execute_adaptive(pool, [] { return work<18>(); });  // refused: returns an awaitable
  co_await millrace::parallel_for_each(pool, numbers, [](int) { return work<19>(); });  // refused: returns an awaitable
  co_await millrace::parallel_map(pool, numbers, [](int) { return work<20>(); });  // refused: returns an awaitable
  co_await millrace::parallel_filter_map(pool, numbers, [](int) { return std::optional(work<21>()); });  // refused: returns an awaitable
  co_await millrace::parallel_chunks(pool, numbers, [](auto) { return work<22>(); });  // refused: returns an awaitable
  co_await millrace::parallel_reduce(pool, numbers, Value<23>(), [](Value<23>, int) { return work<23>(); }, total);  // refused: returns an awaitable
  co_await millrace::stream(pool, source, [](int) { return work<24>(); }, sink);  // refused: returns an awaitable
  pool.execute([] { return work<25>(); }, asio::use_future).wait();  // refused: returns an awaitable
  // clang-format on
}
