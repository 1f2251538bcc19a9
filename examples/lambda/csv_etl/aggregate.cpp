#include "csv_etl/aggregate.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "csv_etl/header.hpp"
#include "csv_etl/quotes.hpp"
#include "csv_etl/row_cuts.hpp"
#include "csv_etl/shares.hpp"
#include "csv_etl/summary.hpp"

namespace lambda::csv_etl {

Aggregate aggregate(std::string_view text, const AggregateOptions& options) {
  const auto input_bytes = text.size();
  text.remove_prefix(byte_order_mark_size(text));
  const auto header = parse_header(text);
  const auto begin = header.body_begin;
  const auto size = text.size() - begin;
  if (options.bytes_done != nullptr) {
    options.bytes_done->fetch_add(input_bytes - size, std::memory_order_relaxed);
  }

  // Equal shares, each moved on to the next row boundary.
  const auto parts = options.parts != 0 ? options.parts : size / bytes_per_part + 1;
  const auto wanted = equal_cuts(begin, text.size(), parts);
  const auto add_parts = [&](const std::vector<std::size_t>& cuts,
                             std::atomic<std::uint64_t>* bytes_done) {
    Shares shares{header};
    shares.add(text, cuts, options.stop, bytes_done);
    return shares.total();
  };

  // Where quotes are, finding the cuts takes a look at the whole text. Most files have none, or
  // have some from the beginning on; in others the cuts are right unless one lies inside quotes.
  const auto probe_end = std::min(text.size(), begin + quote_probe_bytes);
  const bool has_quotes = find_byte(text, quote, begin, probe_end) != text.npos;
  const auto cuts = find_row_boundaries(text, begin, wanted, has_quotes);
  auto total = add_parts(cuts, options.bytes_done);
  if (total.saw_quotes() && !has_quotes) {
    const auto right_cuts = find_row_boundaries(text, begin, wanted, true);
    if (right_cuts != cuts) total = add_parts(right_cuts, nullptr);
  }
  return summarise(total, text, header);
}

}  // namespace lambda::csv_etl
