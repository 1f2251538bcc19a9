#include "csv_etl/progress_log.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error_code.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "runtime/log.hpp"

namespace lambda::csv_etl {

struct ProgressLog::State {
  asio::steady_timer timer;
  std::string request_id;
  std::uint64_t total;
  std::atomic<std::uint64_t> done{0};
  bool finished = false;

  State(const asio::any_io_executor& executor, std::string id, std::uint64_t bytes)
      : timer(executor), request_id(std::move(id)), total(bytes) {}

  void log_now() const {
    log_info("progress", {{"requestId", request_id},
                          {"done", done.load(std::memory_order_relaxed)},
                          {"total", total}});
  }
};

ProgressLog::ProgressLog(const asio::any_io_executor& executor, std::string request_id,
                         std::uint64_t total)
    : state_(std::make_shared<State>(executor, std::move(request_id), total)) {
  asio::co_spawn(executor, repeat(state_), asio::detached);
}

ProgressLog::~ProgressLog() {
  state_->finished = true;
  state_->timer.cancel();
}

std::atomic<std::uint64_t>& ProgressLog::done() noexcept {
  return state_->done;
}

void ProgressLog::log_now() const {
  state_->log_now();
}

asio::awaitable<void> ProgressLog::repeat(std::shared_ptr<State> state) {
  constexpr std::chrono::milliseconds interval{250};
  while (!state->finished) {
    state->log_now();
    state->timer.expires_after(interval);
    asio::error_code cancelled;
    co_await state->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

}  // namespace lambda::csv_etl
