#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <functional>

namespace lambda::io {

/// Awaits `each(0)`, ..., `each(count - 1)`, begun in this order, at most `width` at a time.
///
/// **Runs on**: the awaiting coroutine's executor, which must not run two handlers at a time.
/// **Completes**: when all have ended; after the first that throws no further one is begun, those
/// under way are cancelled, and its exception is thrown once they have ended, too.
/// **Cancellation**: terminal, partial and total; cancels those under way, completes with
/// `asio::error::operation_aborted` unless all went well all the same.
/// **Lifetime**: what `each` refers to may be in the awaiting frame, which is there until the last
/// of them has ended or was destroyed.
[[nodiscard]] asio::awaitable<void> side_by_side(
    std::size_t count, std::size_t width, std::function<asio::awaitable<void>(std::size_t)> each);

}  // namespace lambda::io
