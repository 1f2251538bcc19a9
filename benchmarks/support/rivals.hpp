#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <cstddef>
#include <exception>
#include <millrace/compute_pool.hpp>
#include <millrace/trace.hpp>
#include <optional>
#include <type_traits>
#include <utility>

// The ways to run a job off an Asio thread and come back. Each has `start(f, token)`, an Asio
// operation that completes with (std::exception_ptr, result of f) on the handler's executor.
namespace bench {

/// The library, with its default policy or another.
template <class Instrumentation>
class millrace_pool {
 public:
  static constexpr const char* name =
      std::is_same_v<Instrumentation, millrace::NoMetrics>      ? "millrace-no_metrics"
      : std::is_same_v<Instrumentation, millrace::TraceMetrics> ? "millrace-trace"
                                                                : "millrace";

  explicit millrace_pool(int workers) : pool_(millrace::ComputeConfig{.threads = workers}) {}

  template <class F, class Token>
  auto start(F f, Token&& token) {
    return pool_.execute(std::move(f), std::forward<Token>(token));
  }

  [[nodiscard]] auto& pool() noexcept { return pool_; }

 private:
  millrace::ComputePool<Instrumentation> pool_;
};

/// A coroutine on `asio::thread_pool`, awaited from one on the loop.
class thread_pool_co_spawn {
 public:
  static constexpr const char* name = "thread_pool-co_spawn";

  explicit thread_pool_co_spawn(int workers) : pool_(static_cast<std::size_t>(workers)) {}

  template <class F, class Token>
  auto start(F f, Token&& token) {
    return asio::co_spawn(
        pool_, [f]() mutable -> asio::awaitable<std::invoke_result_t<F&>> { co_return f(); },
        std::forward<Token>(token));
  }

 private:
  asio::thread_pool pool_;
};

/// What the two ways below send to their pool: runs the job, posts the handler back.
template <class F, class Handler>
class posted_job {
 public:
  posted_job(F f, Handler handler)
      : f_(std::move(f)),
        handler_(std::move(handler)),
        work_(asio::get_associated_executor(handler_)) {}

  // const because oneTBB wants it so; called once.
  void operator()() const {
    std::exception_ptr error;
    std::invoke_result_t<F&> result{};
    try {
      result = f_();
    } catch (...) {
      error = std::current_exception();
    }
    asio::post(work_.get_executor(), [handler = std::move(handler_), error = std::move(error),
                                      result = std::move(result)]() mutable {
      std::move(handler)(std::move(error), std::move(result));
    });
  }

 private:
  using executor = asio::associated_executor_t<Handler>;

  mutable F f_;
  mutable Handler handler_;
  // run() must not return while the job is under way.
  asio::executor_work_guard<executor> work_;
};

template <class Send, class F, class Token>
auto start_posted(Send send, F f, Token&& token) {
  return asio::async_initiate<Token, void(std::exception_ptr, std::invoke_result_t<F&>)>(
      [send](auto handler, F job) {
        send(posted_job<F, decltype(handler)>(std::move(job), std::move(handler)));
      },
      token, std::move(f));
}

/// `asio::post` to `asio::thread_pool` and `asio::post` back.
class thread_pool_post {
 public:
  static constexpr const char* name = "thread_pool-post";

  explicit thread_pool_post(int workers) : pool_(static_cast<std::size_t>(workers)) {}

  template <class F, class Token>
  auto start(F f, Token&& token) {
    return start_posted([this](auto job) { asio::post(pool_, std::move(job)); }, std::move(f),
                        std::forward<Token>(token));
  }

 private:
  asio::thread_pool pool_;
};

/// `task_arena::enqueue` and `asio::post` back, one of each per job.
class naive_enqueue {
 public:
  static constexpr const char* name = "naive";

  explicit naive_enqueue(int workers)
      : limit_(oneapi::tbb::global_control::max_allowed_parallelism,
               static_cast<std::size_t>(workers) + 1),
        arena_(workers, 0) {
    arena_.initialize();
  }

  template <class F, class Token>
  auto start(F f, Token&& token) {
    return start_posted([this](auto job) { arena_.enqueue(std::move(job)); }, std::move(f),
                        std::forward<Token>(token));
  }

 private:
  oneapi::tbb::global_control limit_;
  oneapi::tbb::task_arena arena_;
};

}  // namespace bench
