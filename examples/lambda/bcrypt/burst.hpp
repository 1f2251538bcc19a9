/// Items of uneven cost, and which worker took which when: work stealing to look at.
#pragma once

#include <asio/awaitable.hpp>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>

#include "runtime/context.hpp"

namespace lambda::bcrypt {

/// Hashes one password per entry of `costs` and tells the story.
///
/// Event: `{"costs": [4..14, ...], "schedule": "stealing"|"static"}`, 1 to 1000 items. `stealing`:
/// a worker that has run dry takes items from another. `static`: each worker gets an equal stretch
/// of the items at the start, as a plain loop over threads does it.
/// Reply: `items` (`item`, `cost`, `worker`, `start_ms`, `end_ms` since the first began, in order),
/// `schedule`, `workers`, `threads_used`, `duration_ms`. Workers are numbered by when they began.
///
/// **Completes**: with the reply, or HandlerError "InvalidEvent" or "HashFailed".
/// **Cancellation**: between two items.
[[nodiscard]] asio::awaitable<nlohmann::json> handle_burst(Event event, Context context,
                                                           millrace::ComputePool<>& pool);

}  // namespace lambda::bcrypt
