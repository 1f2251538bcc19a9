#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>

namespace lambda {

/// What the function was invoked with.
using Event = nlohmann::json;

/// Everything that the Runtime API says about one invocation besides its event, when it has to
/// stop, and what it wants said in its report.
///
/// All but the request id may be missing from the API's answer; what is missing is empty, and a
/// missing deadline is `time_point::max()`.
///
/// **Lifetime**: a value; a handler may keep it. **Thread safety**: as a `const` object, but for
/// `report`.
struct Context {
  using Clock = std::chrono::system_clock;

  std::string request_id;
  Clock::time_point deadline = Clock::time_point::max();
  std::string invoked_function_arn;
  std::string trace_id;
  std::string client_context;    ///< JSON text, as the caller's mobile SDK sent it.
  std::string cognito_identity;  ///< JSON text.
  std::string tenant_id;
  std::string invocation_id;  ///< Echoed on the reply, so that a stale one can be refused.

  /// Requested shortly before the deadline (`RunOptions::deadline_margin`), and when the process is
  /// told to end. What the handler awaits is cancelled as well (see `run`), so it needs this token
  /// only for work that isn't awaited directly.
  std::stop_token stop_token;

  /// Time until the function is killed; zero once it has passed.
  [[nodiscard]] std::chrono::milliseconds remaining(Clock::time_point now = Clock::now()) const {
    using std::chrono::milliseconds;
    return now >= deadline ? milliseconds::zero()
                           : std::chrono::duration_cast<milliseconds>(deadline - now);
  }

  /// Adds fields to the line that is logged at the end of this invocation:
  /// `context.report({{"items", n}})`. A number `items` becomes a throughput as well. The names
  /// that the line has by itself stay as they are. They go to the log: no user's data.
  ///
  /// **Runs on**: the I/O thread.
  void report(const nlohmann::json& fields) const {
    if (report_fields != nullptr) report_fields->update(fields);
  }

  std::shared_ptr<nlohmann::json> report_fields;  ///< Where `report` gathers them; set by `run`.
};

}  // namespace lambda
