#pragma once

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "millrace/stream.hpp"

// Streams of int whose parts are type-erased, so that all tests share one of them.
namespace test {

using Source = std::function<asio::awaitable<std::optional<int>>()>;
using Work = std::function<int(int)>;
using StoppableWork = std::function<int(int, std::stop_token)>;
using Sink = std::function<asio::awaitable<void>(int)>;
using Channel = asio::experimental::channel<void(std::error_code, int)>;
// What one coroutine lets another one wait for.
using Signal = asio::experimental::channel<void(std::error_code, std::monostate)>;
inline bool give(Signal& signal) {
  return signal.try_send(std::error_code(), std::monostate());
}

// 0, 1, ... count - 1; tells how many it has given.
inline Source numbers(int count, int& taken) {
  return [count, &taken]() -> asio::awaitable<std::optional<int>> {
    if (taken == count) co_return std::nullopt;
    co_return taken++;
  };
}

template <class Log>
Sink into(Log& log) {
  return [&log](int value) -> asio::awaitable<void> {
    log.push_back(value);
    co_return;
  };
}

inline int unchanged(int value) {
  return value;
}

// A stream on a loop of its own, how it ended, and the signal that cancels it.
class Streaming {
 public:
  template <class From, class F, class To>
  void start(millrace::ComputePool<>& pool, From&& source, F&& f, To&& sink,
             millrace::StreamOptions options) {
    millrace::stream(
        pool, std::forward<From>(source), std::forward<F>(f), std::forward<To>(sink), options,
        asio::bind_cancellation_slot(cancel.slot(), asio::bind_executor(context, Handler{this})));
  }

  // Runs the loop until something is the case.
  template <class Condition>
  void until(Condition condition) {
    while (!condition()) {
      context.restart();
      if (context.poll_one() == 0) std::this_thread::yield();
    }
  }
  void to_the_end() {
    until([this] { return completions != 0; });
  }
  // Gives it every chance to do what it must not do.
  template <class Condition>
  bool ever(Condition condition) {
    for (int i = 0; i < 20'000; ++i) {
      if (condition()) return true;
      context.restart();
      if (context.poll_one() == 0) std::this_thread::yield();
    }
    return false;
  }

  // What it failed with: the text of a std::runtime_error, or "aborted".
  [[nodiscard]] std::string failure() const {
    if (!error) return "";
    try {
      std::rethrow_exception(error);
    } catch (const std::system_error& e) {
      return e.code() == asio::error::operation_aborted ? "aborted" : e.what();
    } catch (const std::runtime_error& e) {
      return e.what();
    }
  }

  asio::cancellation_signal cancel;  // outlives the context
  asio::io_context context;
  int completions = 0;
  std::exception_ptr error;
  std::size_t count = 0;

 private:
  struct Handler {
    Streaming* self;
    void operator()(std::exception_ptr e, std::size_t n) const {
      ++self->completions;
      self->error = e;
      self->count = n;
    }
  };
};

}  // namespace test
