#pragma once

#include <asio/associated_allocator.hpp>
#include <asio/associated_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/execution/outstanding_work.hpp>
#include <asio/post.hpp>
#include <asio/prefer.hpp>
#include <asio/use_awaitable.hpp>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "millrace/detail/call.hpp"
#include "millrace/detail/result.hpp"

// Operations whose job runs on the thread that starts them.
namespace millrace::detail {

template <class F>
using inline_result = job_result<typename once<F>::result_type>;

// Runs the callable now. Its captures end before anybody can see the result; nobody has time to
// stop it.
template <class F>
[[nodiscard]] inline_result<F> run_now(F& f) {
  inline_result<F> result;
  std::optional<once<F>> body(std::in_place, std::move(f));
  const std::stop_token nobody_asks;
  result.capture(*body, nobody_asks);
  return result;
}

// Hands a result to its handler.
template <class Handler, class Result>
class late_completion {
 public:
  using allocator_type = asio::associated_allocator_t<Handler>;

  late_completion(Handler&& handler, Result&& result)
      : handler_(std::move(handler)), result_(std::move(result)) {}

  [[nodiscard]] allocator_type get_allocator() const noexcept {
    return asio::get_associated_allocator(handler_);
  }

  void operator()() { std::move(result_).deliver(std::move(handler_)); }

 private:
  Handler handler_;
  Result result_;
};

template <class Handler, class Fallback, class Result>
void complete_later(Handler handler, const Fallback& fallback, Result result) {
  const auto executor = asio::prefer(asio::get_associated_executor(handler, fallback),
                                     asio::execution::outstanding_work.tracked);
  asio::post(executor, late_completion<Handler, Result>(std::move(handler), std::move(result)));
}

// A coroutine that runs one job after the other without ever waiting would keep its loop from its
// timers and sockets: each so many of a thread's it has to stand in line. As few as that for jobs
// of 100 us; as many for jobs of 100 ns, which cost about what standing in line does.
[[nodiscard]] inline bool has_to_stand_in_line() noexcept {
  constexpr unsigned at_once = 16;
  thread_local unsigned count = 0;
  return ++count % at_once == 0;
}

// For a coroutine, which may go on at once.
template <class R, class Executor, class F>
asio::awaitable<R, Executor> await_now(std::optional<F> f) {
  auto result = run_now(*f);
  f.reset();
  if (has_to_stand_in_line()) co_await asio::post(asio::use_awaitable_t<Executor>());
  co_return std::move(result).get();
}

template <class Token>
struct awaits {
  static constexpr bool value = false;
};
template <class Executor>
struct awaits<asio::use_awaitable_t<Executor>> {
  static constexpr bool value = true;
  using executor_type = Executor;
};

}  // namespace millrace::detail
