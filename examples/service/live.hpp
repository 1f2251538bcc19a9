/// The last two minutes, second by second, for the page.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <millrace/compute_pool.hpp>
#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

namespace service {

/// Collects what became of the computing requests, and looks at the pool four times a second.
///
/// **Thread safety**: `record` and `json` on any thread; the rest on the context's.
class Live {
 public:
  Live(asio::io_context& context, const millrace::ComputePool<>& pool);

  /// Starts to look; goes on until `stop`.
  void start();
  void stop();

  /// A response of this status to a request that computes.
  void record(int status, std::chrono::steady_clock::duration took);

  /// `{"seconds": [{...}, ...], "queue": N, "queue_limit": N, "workers": N, "busy": N}`, the oldest
  /// second first, without the one that goes on. Percentiles are of the responses 200, in ms.
  [[nodiscard]] nlohmann::json json() const;

 private:
  struct Second {
    std::int64_t ends_at_ms = 0;  // since 1970
    double ok = 0;                // responses per second, as all rates
    double rejected = 0;
    double late = 0;
    double failed = 0;
    double p50_ms = 0;
    double p99_ms = 0;
    std::uint64_t queue = 0;  // the most that were seen
    double busy = 0;          // workers, on average
  };

  void wait();
  void look();
  void close_second(std::chrono::steady_clock::time_point now);

  const millrace::ComputePool<>* pool_;
  asio::steady_timer timer_;
  bool stopped_ = false;
  std::chrono::steady_clock::time_point second_began_;
  unsigned looks_ = 0;  // in this second

  mutable std::mutex mutex_;  // for all below
  Second second_;             // counts, until it is closed
  std::vector<double> took_ms_;
  std::deque<Second> seconds_;
};

}  // namespace service
