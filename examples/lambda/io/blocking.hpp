// Runs a blocking call on a thread of its own, so that the event loop stays free.
//
// Regular files can't be polled, and SQLite has no asynchronous interface; Asio's own file
// support needs io_uring, which Lambda's kernel policy doesn't offer.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

namespace lambda::io {

// A service of the awaiting coroutine's context rather than a member of each source and sink:
// when the context is destroyed it calls shutdown() before it destroys any suspended frame, and
// that waits for the running call. So the call may use references into the frame that awaits it,
// and never posts its completion to a context that is gone.
class BlockingThread : public asio::execution_context::service {
 public:
  using key_type = BlockingThread;
  inline static asio::execution_context::id id;

  explicit BlockingThread(asio::execution_context& context) : service(context) {}

  [[nodiscard]] asio::any_io_executor get_executor() { return thread_.get_executor(); }

 private:
  void shutdown() override { thread_.join(); }

  // One thread: an invocation reads, then writes, and a second reader of the same disk gains
  // nothing.
  asio::thread_pool thread_{1};
};

// Runs on: the context's BlockingThread. Resumes on: the awaiting coroutine's executor.
// Completes: with f's result, or with whatever f throws. Cancellation: none, a blocking call
// can't be interrupted.
//
// g++ 12 destroys the captures of a closure twice if the closure is a temporary of a co_await
// expression: give it a name first if a capture has a destructor.
template <class F>
[[nodiscard]] asio::awaitable<std::invoke_result_t<F&>> run_blocking(F f) {
  const auto executor = co_await asio::this_coro::executor;
  auto& thread = asio::use_service<BlockingThread>(asio::query(executor, asio::execution::context));
  auto body = [call = std::move(f)]() mutable -> asio::awaitable<std::invoke_result_t<F&>> {
    co_return call();
  };
  co_return co_await asio::co_spawn(thread.get_executor(), std::move(body), asio::use_awaitable);
}

}  // namespace lambda::io
