#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <stdexcept>
#include <utility>

namespace test {

// Runs a test body that is a coroutine until nothing is left to do on its loop.
inline void run(asio::io_context& context, asio::awaitable<void> body) {
  std::exception_ptr error;
  bool ended = false;
  asio::co_spawn(context, std::move(body), [&](std::exception_ptr e) {
    error = e;
    ended = true;
  });
  context.restart();
  context.run();
  if (error) std::rethrow_exception(error);
  if (!ended) throw std::logic_error("run() returned before the coroutine had ended");
}

inline void run(asio::awaitable<void> body) {
  asio::io_context context;
  run(context, std::move(body));
}

}  // namespace test
