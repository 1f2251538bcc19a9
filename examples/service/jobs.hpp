/// The computations: from the bytes of a request to those of the reply, plain functions without
/// I/O.
///
/// Each throws `Refusal` for input that it can't use. **Runs on**: the calling thread, for its
/// whole time; `filter` and `stats` spread over the workers when called inside
/// `ComputePool::install`.
/// **Thread safety**: any thread.
#pragma once

#include <stop_token>

#include "reply.hpp"

namespace service {

inline constexpr int least_cost = 4;
inline constexpr int most_cost = 14;

/// `{"password": TEXT, "cost": 4 to 14}`, the cost 10 if it is left out, to
/// `{"cost": N, "hash": "$2b$..."}`. Can't be stopped once it has begun.
[[nodiscard]] Reply hash(const Request& request, const std::stop_token& stop);

/// A PNG to a PNG. Query: `filter`, one of those of examples/lambda/image_filter, and for some of
/// them `sigma` and `amount`. **Cancellation**: every few rows, throws `operation_aborted`.
[[nodiscard]] Reply filter(const Request& request, const std::stop_token& stop);

/// `[number, ...]` to count, mean, standard deviation (of a population), smallest, largest and
/// percentiles, interpolated between neighbours. **Cancellation**: between the steps.
[[nodiscard]] Reply stats(const Request& request, const std::stop_token& stop);

}  // namespace service
