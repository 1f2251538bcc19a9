#pragma once

#include <asio/awaitable.hpp>
#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/channel_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "millrace/detail/stream_ends.hpp"

namespace millrace {

/// A source for `stream` that collects the items of another one, see `batched`.
template <class Source>
class BatchedSource {
 public:
  using item = typename Source::item;

  BatchedSource(Source&& source, std::size_t max_items, std::chrono::nanoseconds max_wait)
      : source_(std::move(source)), max_items_(max_items), max_wait_(max_wait) {}

  /// The next batch, never an empty one; nothing at the end. One call at a time, and the source
  /// stays where it is meanwhile.
  [[nodiscard]] asio::awaitable<std::optional<std::vector<item>>> operator()() {
    if (ended_) co_return std::nullopt;
    std::vector<item> batch;
    std::optional<item> first = co_await source_.take();
    if (!first) {
      ended_ = true;
      co_return std::nullopt;
    }
    batch.push_back(*std::move(first));
    if (max_items_ > 1) {
      std::exception_ptr error;
      asio::steady_timer timer(co_await asio::this_coro::executor, max_wait_);
      using asio::experimental::awaitable_operators::operator||;
      const auto which = co_await (fill(batch, error) || timer.async_wait(asio::use_awaitable));
      const bool timed_out = which.index() == 1;
      if (error && !(timed_out && was_cancelled(error))) std::rethrow_exception(error);
    }
    co_return std::optional<std::vector<item>>(std::move(batch));
  }

 private:
  // Never throws: under || an exception would wait for the timer, and give way to it.
  asio::awaitable<void> fill(std::vector<item>& batch, std::exception_ptr& error) {
    try {
      while (batch.size() < max_items_) {
        std::optional<item> next = co_await source_.take();
        if (!next) {
          ended_ = true;
          break;
        }
        batch.push_back(*std::move(next));
      }
    } catch (...) {
      error = std::current_exception();
    }
  }

  static bool was_cancelled(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::system_error& e) {
      // A channel, in a callable, has its own word for it.
      return e.code() == asio::error::operation_aborted ||
             e.code() == asio::experimental::error::channel_cancelled;
    } catch (...) {
      return false;
    }
  }

  Source source_;
  std::size_t max_items_;
  std::chrono::nanoseconds max_wait_;
  bool ended_ = false;
};

/// A source of `std::vector<T>` from a source of `T`, for jobs that would be too small one by one.
///
/// A batch is complete with `max_items`, `max_wait` after its first item, or at the end of the
/// source, whichever comes first; the last one may be smaller, none is empty.
///
/// - **Runs on:** the executor of the coroutine that awaits it, which must be a strand on a context
///   with many threads; `stream` has one.
/// - **Cancellation:** that of the coroutine. When `max_wait` is over, the source that waits is
///   cancelled (terminal), and asked again for the next batch. With a channel nothing gets lost; a
///   callable must end with `operation_aborted`, or a channel's `channel_cancelled`, only where it
///   has taken nothing. One that ignores cancellation holds the batch back until it has an item.
/// - **Lifetime:** a callable is moved in, a channel must outlive it.
/// - **Errors:** those of the source; what has been collected of the batch is lost then. Throws
///   `std::invalid_argument` unless `max_items` is 1 or more.
///
/// **Example:** examples/09_stream.cpp
template <class S>
  requires detail::Source<S>
[[nodiscard]] auto batched(S&& source, std::size_t max_items, std::chrono::nanoseconds max_wait) {
  if (max_items == 0) throw std::invalid_argument("batched: max_items is 0, must be 1 or more");
  return BatchedSource<detail::source_of<S>>(detail::source_of<S>(std::forward<S>(source)),
                                             max_items, max_wait);
}

}  // namespace millrace
