// What a user would write without Millrace: one enqueue and one post per job.
#include <oneapi/tbb/task_arena.h>

#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <type_traits>
#include <utility>

template <class F, class Handler>
class posted_job {
 public:
  posted_job(F f, Handler handler)
      : f_(std::move(f)),
        handler_(std::move(handler)),
        work_(asio::get_associated_executor(handler_)) {}

  void operator()() const {
    std::exception_ptr error;
    std::invoke_result_t<F&> result{};
    try {
      result = f_();
    } catch (...) {
      error = std::current_exception();
    }
    asio::post(work_.get_executor(), [handler = std::move(handler_), error, result]() mutable {
      std::move(handler)(error, std::move(result));
    });
  }

 private:
  mutable F f_;
  mutable Handler handler_;
  asio::executor_work_guard<asio::associated_executor_t<Handler>> work_;
};

template <class F, class Token>
auto execute(oneapi::tbb::task_arena& arena, F f, Token&& token) {
  return asio::async_initiate<Token, void(std::exception_ptr, std::invoke_result_t<F&>)>(
      [&arena](auto handler, F job) {
        arena.enqueue(posted_job<F, decltype(handler)>(std::move(job), std::move(handler)));
      },
      token, std::move(f));
}

asio::awaitable<int> answer(oneapi::tbb::task_arena& arena, int question) {
  co_return co_await execute(arena, [question] { return question * 7; }, asio::use_awaitable);
}
