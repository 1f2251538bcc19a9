/// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lambda::text {

[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

/// For messages and replies, which must be one line of valid UTF-8 whatever the input held: every
/// invalid byte becomes U+FFFD, every control character but the tab a blank, and what is longer
/// than `max_bytes` is cut between characters and ends in an ellipsis.
[[nodiscard]] std::string printable_excerpt(std::string_view text, std::size_t max_bytes = 120);

}  // namespace lambda::text
