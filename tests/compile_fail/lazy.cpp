// Other things that begin only when somebody awaits or starts them.
#include <asio/awaitable.hpp>
#include <asio/steady_timer.hpp>
#include <coroutine>

#include "millrace/compute_pool.hpp"
#if __has_include(<asio/deferred.hpp>)
#include <asio/deferred.hpp>
#else
#include <asio/experimental/deferred.hpp>
namespace asio {
using experimental::deferred;
}
#endif

namespace {

struct Awaiter {
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};
// As cppcoro's task, which is awaited as an rvalue.
struct Task {
  Awaiter operator co_await() && { return {}; }
};
struct Foreign {};
Awaiter operator co_await(Foreign) {
  return {};
}
struct Sender {
  struct sender_concept {};
};

// Looks like each of them, and is none.
struct Value {
  bool await_ready = true;
  int await_resume = 0;
};

}  // namespace

asio::awaitable<void> each_kind(millrace::ComputePool<>& pool, asio::steady_timer& timer);
asio::awaitable<void> each_kind(millrace::ComputePool<>& pool, asio::steady_timer& timer) {
  co_await pool.execute([] { return Value(); });
  // clang-format off
#ifdef MUST_NOT_COMPILE
  co_await pool.execute([] { return Awaiter(); });  // refused: returns an awaitable, which nobody would await
  co_await pool.execute([] { return Task(); });  // refused: returns an awaitable, which nobody would await
  co_await pool.execute([task = Task()]() mutable -> Task&& { return std::move(task); });  // refused: returns an awaitable
  co_await pool.execute([] { return Foreign(); });  // refused: returns an awaitable, which nobody would await
  co_await pool.execute([&] { return timer.async_wait(asio::deferred); });  // refused: returns an operation that nobody would start
  co_await pool.execute([] { return Sender(); });  // refused: returns an operation that nobody would start
#else
  co_await timer.async_wait(asio::deferred)(asio::use_awaitable);
  co_await pool.execute([&] { return timer.expiry(); });
#endif
  // clang-format on
}
