#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#include <type_traits>

// Which handlers have no place where anything but themselves could run.
namespace millrace::detail {

// Executors that may well be the system's.
template <class Executor>
inline constexpr bool may_be_the_systems = std::is_same_v<Executor, asio::any_io_executor>;
template <class... Properties>
inline constexpr bool may_be_the_systems<asio::basic_system_executor<Properties...>> = true;
template <class Executor>
inline constexpr bool may_be_the_systems<asio::strand<Executor>> = true;

// A future's executor only keeps a promise: on the thread that comes along, and nothing else runs
// there. Asio 1.22 has it be no any_io_executor; later ones have it name the system's context.
template <class Executor>
[[nodiscard]] bool only_keeps_a_promise(const Executor& executor) {
  if constexpr (may_be_the_systems<Executor>) {
    return false;
  } else {
    const asio::execution_context& its = asio::query(executor, asio::execution::context);
    const asio::execution_context& systems =
        asio::query(asio::system_executor(), asio::execution::context);
    return &its == &systems;
  }
}

}  // namespace millrace::detail
