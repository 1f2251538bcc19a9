/// What the caller of the statistics handler asks for.
#pragma once

#include <vector>

#include "runtime/context.hpp"
#include "statistics/statistics.hpp"

namespace lambda::statistics {

struct Request {
  std::vector<std::vector<double>> points;
  Algorithm algorithm = Algorithm::standard;
};

/// `{"data": [{"values": [number, ...], "metadata": string}, ...], "algorithm":
/// "standard"|"advanced"}`; `metadata` may be missing and is of no consequence.
///
/// At least one point, and at least one value in each: nothing has no mean. Throws HandlerError
/// "InvalidEvent", one line that says where, e.g. `data[3].values[7]`, for anything else.
[[nodiscard]] Request parse_request(const Event& event);

}  // namespace lambda::statistics
