/// Many hashes on the pool: the synchronous middle of the handler.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <millrace/compute_pool.hpp>
#include <string>
#include <vector>

namespace lambda::bcrypt {

/// The hash of the item with this index. Called by several workers at a time.
using HashItem = std::function<std::string(std::size_t)>;

enum class Mode {
  parallel,   ///< Each item is a task that any worker may take.
  sequential  ///< One job, one item after the other.
};

struct Batch {
  std::vector<std::string> hashes;  ///< By index.
  int threads_used = 0;             ///< Distinct threads that hashed.
};

/// `password_000000`, `password_000001`, ...
[[nodiscard]] std::string password(std::size_t index);

/// Hashes `count` items.
///
/// **Runs on**: the pool's workers; the awaiting executor stays free. **Completes**: with the
/// batch, or the exception of an item, which keeps the others from beginning. **Cancellation**:
/// asked before each item; `asio::error::operation_aborted`. **Lifetime**: the pool outlives the
/// operation.
[[nodiscard]] asio::awaitable<Batch> hash_batch(std::size_t count, Mode mode, HashItem hash_item,
                                                millrace::ComputePool<>& pool);

}  // namespace lambda::bcrypt
