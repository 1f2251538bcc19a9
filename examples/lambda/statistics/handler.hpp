/// Statistics over points as a Lambda handler.
#pragma once

#include <asio/awaitable.hpp>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>

#include "runtime/context.hpp"

namespace lambda::statistics {

/// Event: see parse_request. Reply: `processed`, for each point `result` and `classification`;
/// `stats`, over the results `count`, `mean` and `std_dev`.
///
/// **Runs on**: the pool's workers, the reading of the event and the making of the reply included:
/// either may be megabytes. **Completes**: with the reply, or HandlerError "InvalidEvent" or
/// "ResultOverflow". **Cancellation**: between points.
[[nodiscard]] asio::awaitable<nlohmann::json> handle(Event event, Context context,
                                                     millrace::ComputePool<>& pool);

}  // namespace lambda::statistics
