/// The three ways in which AWS writes a time. **Thread safety**: any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace lambda::aws {

using TimePoint = std::chrono::system_clock::time_point;

/// `20130524T000000Z`, as signatures have it.
[[nodiscard]] std::string amz_date(TimePoint time);

/// `Fri, 24 May 2013 00:00:00 GMT`, as the headers `Date` and `Retry-After` have it.
[[nodiscard]] std::optional<TimePoint> parse_http_date(std::string_view text);

/// `2013-05-24T00:00:00Z`, perhaps with a fraction, as the expiration of credentials has it.
[[nodiscard]] std::optional<TimePoint> parse_iso_date(std::string_view text);

}  // namespace lambda::aws
