#include "csv_etl/shares.hpp"

#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "compute/stop.hpp"

namespace lambda::csv_etl {

std::vector<std::size_t> equal_cuts(std::size_t begin, std::size_t end, std::size_t parts) {
  const auto size = end - begin;
  std::vector<std::size_t> cuts(parts + 1);
  for (std::size_t i = 0; i <= parts; ++i) {
    cuts[i] = begin + size / parts * i + size % parts * i / parts;
  }
  return cuts;
}

void Shares::add(std::string_view text, std::span<const std::size_t> cuts,
                 const std::stop_token& stop, std::atomic<std::uint64_t>* bytes_done) {
  tbb::parallel_for(std::size_t{1}, cuts.size(), [&](std::size_t part) {
    // oneTBB begins no further part once one has thrown.
    compute::throw_if_stopped(stop);
    shares_.local().add_part(text, cuts[part - 1], cuts[part]);
    if (bytes_done != nullptr) {
      // Read for display only.
      bytes_done->fetch_add(cuts[part] - cuts[part - 1], std::memory_order_relaxed);
    }
  });
}

bool Shares::saw_quotes() const {
  return std::any_of(shares_.begin(), shares_.end(),
                     [](const Accumulator& share) { return share.saw_quotes(); });
}

Accumulator Shares::total() {
  if (shares_.empty()) return Accumulator{header_};
  Accumulator total = std::move(*shares_.begin());
  for (auto share = std::next(shares_.begin()); share != shares_.end(); ++share) {
    total.merge(*share);
  }
  return total;
}

}  // namespace lambda::csv_etl
