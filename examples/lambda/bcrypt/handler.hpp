/// bcrypt as a Lambda handler: nothing but compute, to see how it spreads over the workers.
#pragma once

#include <asio/awaitable.hpp>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>

#include "runtime/context.hpp"

namespace lambda::bcrypt {

/// Hashes `password_000000`, ... at cost 10.
///
/// Event: see parse_request. Reply: `processed`, `duration_ms` (whole), `mode` (the one that was
/// used, never `auto`), `workers`, `detected_cpus`, `avg_ms_per_item` (two decimals),
/// `memory_used_kb` (resident), `threads_used` (distinct threads that hashed).
///
/// **Completes**: with the reply, or HandlerError "InvalidEvent" or "HashFailed".
/// **Cancellation**: between two hashes.
[[nodiscard]] asio::awaitable<nlohmann::json> handle(Event event, Context context,
                                                     millrace::ComputePool<>& pool);

}  // namespace lambda::bcrypt
