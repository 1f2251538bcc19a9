#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace lambda {

/// What the function was invoked with.
using Event = nlohmann::json;

/// Everything that the Runtime API says about one invocation besides its event.
///
/// All but the request id may be missing from the API's answer; what is missing is empty, and a
/// missing deadline is `time_point::max()`.
///
/// **Lifetime**: a value; a handler may keep it. **Thread safety**: as a `const` object.
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

  /// Time until the function is killed; zero once it has passed.
  [[nodiscard]] std::chrono::milliseconds remaining(Clock::time_point now = Clock::now()) const {
    using std::chrono::milliseconds;
    return now >= deadline ? milliseconds::zero()
                           : std::chrono::duration_cast<milliseconds>(deadline - now);
  }
};

}  // namespace lambda
