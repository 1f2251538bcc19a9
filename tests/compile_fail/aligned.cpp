// What is aligned to more than a coroutine's frame can be, where it would have to lie in one.
#include <asio/awaitable.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <memory>
#include <optional>

#include "millrace/adaptive.hpp"
#include "millrace/compute_pool.hpp"
#include "millrace/current_pool.hpp"
#include "millrace/job_size.hpp"
#include "millrace/stream.hpp"

namespace {

template <int>
struct alignas(128) Padded {
  int value = 1;
};

#ifdef MUST_NOT_COMPILE
template <int N>
Padded<N> make() {
  return {};
}
#else
template <int N>
std::unique_ptr<Padded<N>> make() {
  return std::make_unique<Padded<N>>();
}
#endif

}  // namespace

asio::awaitable<void> awaited(millrace::ComputePool<>& pool);
asio::awaitable<void> awaited(millrace::ComputePool<>& pool) {
  const auto source = []() -> asio::awaitable<std::optional<int>> { co_return std::nullopt; };
  const auto sink = [](auto&&) {};
  // clang-format off
  co_await pool.execute([] { return make<1>(); });  // refused: aligned to more than a coroutine's frame can be
  co_await pool.install([] { return make<2>(); }, asio::use_awaitable);  // refused: hold what is over-aligned by a std::unique_ptr
  co_await pool.join([] {}, [] { return make<3>(); });  // refused: aligned to more than a coroutine's frame can be
  co_await pool.execute_scoped([](millrace::Scope&) { return make<4>(); });  // refused: aligned to more than
  co_await millrace::execute([] { return make<5>(); });  // refused: aligned to more than
  co_await millrace::compute_small([] { return make<6>(); });  // refused: aligned to more than
  co_await millrace::compute_medium(pool, [] { return make<7>(); });  // refused: aligned to more than
  co_await millrace::execute_adaptive(pool, [] { return make<8>(); });  // refused: aligned to more than
  co_await millrace::stream(pool, source, [](int) { return make<9>(); }, sink);  // refused: aligned to more than
#ifdef MUST_NOT_COMPILE
  const Padded<10> captured;
  co_await pool.execute([captured] { return captured.value; });  // refused: aligned to more than
#else
  const auto captured = std::make_unique<Padded<10>>();
  co_await pool.execute([&] { return captured->value; });
#endif
  // clang-format on
}

void elsewhere(millrace::ComputePool<>& pool);
void elsewhere(millrace::ComputePool<>& pool) {
  pool.execute([] { return Padded<11>(); }, asio::use_future).wait();
  pool.execute_sync([captured = Padded<12>()] { return captured; });
}
