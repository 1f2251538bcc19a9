#pragma once

#include <chrono>
#include <cstdint>
#include <millrace/metrics.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace lambda {

/// How one invocation went.
struct InvocationReport {
  using Milliseconds = std::chrono::duration<double, std::milli>;

  std::string request_id;
  std::string status;         ///< `success`, `error` or `refused` (by the Runtime API).
  std::string error_type;     ///< Empty for none.
  std::string error_message;  ///< Empty for none, or if it may not be logged.
  Milliseconds duration{};    ///< From the event's arrival until the reply has been taken.
  std::optional<Milliseconds> init_duration;  ///< Of the process; only on its first invocation.
  std::uint64_t invocation = 0;               ///< 1 for the process's first.
  std::uint64_t bytes_in = 0;                 ///< Of the event.
  std::uint64_t bytes_out = 0;                ///< Of the reply, or of the error.
  nlohmann::json handler = nlohmann::json::object();  ///< What the handler wants said.
};

/// The fields of the line that is logged for it. `before` and `now` are what the pool's metrics
/// were at the previous report and are at this one; counters become differences.
[[nodiscard]] nlohmann::json report_fields(const InvocationReport& report,
                                           const millrace::JobMetrics& before,
                                           const millrace::JobMetrics& now);

/// Peak resident size of this process in KiB.
[[nodiscard]] std::int64_t max_rss_kb();

}  // namespace lambda
