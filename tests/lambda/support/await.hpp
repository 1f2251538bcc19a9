#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

namespace lambda::testing {

/// Runs `context` until `work` is done; its result or exception. Throws when it isn't done after
/// half a minute, so that a test which waits for something that never comes ends.
template <class T>
T await(asio::io_context& context, asio::awaitable<T> work) {
  using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
  std::optional<Value> value;
  std::exception_ptr failure;
  bool done = false;
  const auto finish = [&](std::exception_ptr error) {
    failure = std::move(error);
    done = true;
  };
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(context, std::move(work), finish);
  } else {
    asio::co_spawn(context, std::move(work), [&, finish](std::exception_ptr error, T result) {
      if (error == nullptr) value.emplace(std::move(result));
      finish(std::move(error));
    });
  }
  context.restart();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done) {
    if (context.run_one_until(give_up) == 0) throw std::runtime_error("nothing left to wait for");
  }
  if (failure != nullptr) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

}  // namespace lambda::testing
