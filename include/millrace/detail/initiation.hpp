#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "millrace/detail/drain_op.hpp"
#include "millrace/detail/operation.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/way_back.hpp"
#include "millrace/job_options.hpp"

// What a token is handed: makes the operation when, and if, the token wants it started. Nothing is
// thrown from there if it can be helped, as a coroutine couldn't catch it.
namespace millrace::detail {

// A token's handler where it may be moved from: an rvalue is left where it is.
template <class Handler>
using taken_handler = std::conditional_t<std::is_same_v<Handler, std::decay_t<Handler>>, Handler&,
                                         std::decay_t<Handler>>;

enum class runs_on {
  worker,
  worker_here,  // the calling thread, if that works for the pool already
};

template <class Core, class Executor, bool Timed>
struct job_initiation {
  using executor_type = Executor;
  Core* core;
  Executor executor;
  runs_on place;
  JobOptions options;

  [[nodiscard]] executor_type get_executor() const noexcept { return executor; }

  template <class Handler, class Body>
  void operator()(Handler&& token_handler, Body&& body) const {
    using handler_type = std::decay_t<Handler>;
    using operation = detail::operation<Core, std::decay_t<Body>, handler_type, Executor, Timed>;
    taken_handler<Handler> handler(token_handler);
    handover<handler_type> giving(handler);
    operation_ptr<operation> made(nullptr);
    try {
      core->require_same_process();
      made = operation_ptr<operation>::make(handler, *core, std::forward<Body>(body), handler,
                                            giving, executor, options);
    } catch (...) {
      if (giving.begun()) throw;
      using result = typename std::decay_t<Body>::result_type;
      return fail_later<job_result<result>>(std::move(handler), executor, std::current_exception());
    }
    if (place == runs_on::worker_here && core->inside()) {
      operation::start_inline(std::move(made), options.label);
    } else {
      operation::start(std::move(made), options.label);
    }
  }
};

template <class Core, class Executor>
struct drain_initiation {
  using executor_type = Executor;
  Core* core;
  Executor executor;

  [[nodiscard]] executor_type get_executor() const noexcept { return executor; }

  template <class Handler>
  void operator()(Handler&& token_handler) const {
    using handler_type = std::decay_t<Handler>;
    using operation = drain_op<Core, handler_type, Executor>;
    taken_handler<Handler> handler(token_handler);
    handover<handler_type> giving(handler);
    operation_ptr<operation> made(nullptr);
    try {
      core->require_same_process();
      made = operation_ptr<operation>::make(handler, *core, handler, giving, executor);
    } catch (...) {
      if (giving.begun()) throw;
      return fail_later<job_result<void>>(std::move(handler), executor, std::current_exception());
    }
    operation::start(*core, std::move(made));
  }
};

}  // namespace millrace::detail
