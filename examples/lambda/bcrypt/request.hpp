/// What the caller of the bcrypt handler asks for.
#pragma once

#include <cstddef>

#include "bcrypt/batch.hpp"
#include "runtime/context.hpp"

namespace lambda::bcrypt {

struct Request {
  std::size_t count = 0;
  Mode mode = Mode::parallel;
};

/// `{"count": 1..1000, "mode": "parallel"|"sequential"|"auto"}`, both required.
///
/// `auto` is parallel if there are two workers and two items or more: a hash takes some 50 ms, and
/// sharing out the items some microseconds. Throws HandlerError "InvalidEvent", one line, for
/// anything else.
[[nodiscard]] Request parse_request(const Event& event, int workers);

}  // namespace lambda::bcrypt
