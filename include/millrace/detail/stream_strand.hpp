#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/query.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#include <asio/thread_pool.hpp>
#include <type_traits>

#include "millrace/detail/inbox_service.hpp"

// Where the lanes of a stream run, and source and sink with them.
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

// Of the executor's own type where that is known: the strand of an any_io_executor is too large to
// lie in another any_io_executor, and takes memory whenever that one is copied.
template <class... Known>
[[nodiscard]] asio::any_io_executor strand_around(const asio::any_io_executor& place) {
  asio::any_io_executor strand;
  const auto made = [&]<class Own>(const Own& own) {
    strand = asio::make_strand(own);
    return true;
  };
  if (!((holds_one_of<Known>(place) && made(*place.target<Known>())) || ...)) made(place);
  return strand;
}

// A strand on the handler's own executor, or on `otherwise` if nothing but the handler can run
// there.
template <class Executor>
[[nodiscard]] asio::any_io_executor stream_strand(const Executor& handlers_own,
                                                  const asio::any_io_executor& otherwise) {
  using of_loop = asio::io_context::executor_type;
  using of_threads = asio::thread_pool::executor_type;
  if constexpr (std::is_convertible_v<Executor, asio::any_io_executor>) {
    if (!only_keeps_a_promise(handlers_own)) {
      return strand_around<of_loop, of_threads>(handlers_own);
    }
  }
  return strand_around<>(otherwise);
}

}  // namespace millrace::detail
