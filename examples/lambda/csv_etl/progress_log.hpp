/// Logs how far a computation is while the workers are at it: the event loop has nothing else to
/// do, and that it can is the point of computing elsewhere.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace lambda::csv_etl {

/// Logs `{"message": "progress", "done": bytes, "total": bytes}` at once, then a few times per
/// second until it is destroyed.
///
/// Everything but done() belongs to the executor, which must not run two handlers at once.
class ProgressLog {
 public:
  ProgressLog(const asio::any_io_executor& executor, std::string request_id, std::uint64_t total);
  ProgressLog(const ProgressLog&) = delete;
  ProgressLog& operator=(const ProgressLog&) = delete;
  ~ProgressLog();

  /// Bumped by the workers.
  [[nodiscard]] std::atomic<std::uint64_t>& done() noexcept;

  /// One line with the present state, whenever the last one was.
  void log_now() const;

 private:
  struct State;
  static asio::awaitable<void> repeat(std::shared_ptr<State> state);

  // Shared with the logging coroutine, which ends one turn of the loop later.
  std::shared_ptr<State> state_;
};

}  // namespace lambda::csv_etl
