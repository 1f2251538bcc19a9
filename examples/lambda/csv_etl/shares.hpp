/// The workers' parts of one aggregation.
#pragma once

#include <oneapi/tbb/enumerable_thread_specific.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "csv_etl/accumulator.hpp"
#include "csv_etl/header.hpp"

namespace lambda::csv_etl {

/// How a text is cut into parts when nobody says how: small enough to spread over many workers and
/// to show progress, large enough that the cost of a part (two cuts, one task) doesn't count.
inline constexpr std::size_t bytes_per_part = 256 * 1024;

/// So much of a text is searched for quotes before it is cut.
inline constexpr std::size_t quote_probe_bytes = 64 * 1024;

/// Ends of `parts` equal shares of [begin, end), `begin` first; not at row boundaries yet.
[[nodiscard]] std::vector<std::size_t> equal_cuts(std::size_t begin, std::size_t end,
                                                  std::size_t parts);

/// One accumulator per worker, not per part: they are few to merge, and which parts a worker gets
/// makes no difference to the merged result.
class Shares {
 public:
  explicit Shares(const Header& header) : header_(header), shares_(header) {}

  /// Adds what is between each two of `cuts`, which are row boundaries, in parallel, and counts its
  /// bytes in `bytes_done` if there is one. Throws `asio::error::operation_aborted` when stopped.
  void add(std::string_view text, std::span<const std::size_t> cuts, const std::stop_token& stop,
           std::atomic<std::uint64_t>* bytes_done);

  [[nodiscard]] bool saw_quotes() const;

  /// All of it in one; nothing can be added afterwards.
  [[nodiscard]] Accumulator total();

 private:
  Header header_;
  tbb::enumerable_thread_specific<Accumulator> shares_;
};

}  // namespace lambda::csv_etl
