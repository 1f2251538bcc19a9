#include "csv_etl/arriving_aggregate.hpp"

#include <algorithm>

#include "csv_etl/quotes.hpp"
#include "csv_etl/row_cuts.hpp"
#include "csv_etl/summary.hpp"

namespace lambda::csv_etl {

ArrivingAggregate::ArrivingAggregate(std::string_view text, std::atomic<std::uint64_t>* bytes_done)
    : text_(text), bytes_done_(bytes_done) {}

void ArrivingAggregate::add(std::size_t arrived, const std::stop_token& stop) {
  if (quoted_) return;
  // No further than what is there may be looked at: the rest is being written.
  auto there = text_.substr(0, arrived);
  if (!shares_) mark_ = byte_order_mark_size(there);
  there.remove_prefix(mark_);
  if (!shares_) begin(there);
  if (shares_) add_rows(there, stop);
}

void ArrivingAggregate::begin(std::string_view there) {
  const auto header_end = there.find('\n');
  if (header_end == there.npos) return;
  const auto probe_end = std::min(there.size(), header_end + quote_probe_bytes);
  quoted_ = find_byte(there, quote, 0, probe_end) != there.npos;
  if (quoted_) return;
  header_ = parse_header(there);
  shares_.emplace(header_);
  added_ = header_.body_begin;
  if (bytes_done_ != nullptr) bytes_done_->fetch_add(mark_ + added_, std::memory_order_relaxed);
}

void ArrivingAggregate::add_rows(std::string_view there, const std::stop_token& stop) {
  const bool all = mark_ + there.size() == text_.size();
  // Behind the last newline; npos + 1 is 0.
  const auto end = all ? there.size() : there.rfind('\n') + 1;
  if (end <= added_) return;
  const auto rows = there.substr(0, end);
  const auto wanted = equal_cuts(added_, end, (end - added_) / bytes_per_part + 1);
  const auto cuts = find_row_boundaries(rows, added_, wanted, false);
  shares_->add(rows, cuts, stop, bytes_done_);
  added_ = end;
  quoted_ = shares_->saw_quotes();
}

Aggregate ArrivingAggregate::finish(const std::stop_token& stop) {
  add(text_.size(), stop);
  if (!quoted_ && shares_) return summarise(shares_->total(), text_.substr(mark_), header_);
  AggregateOptions options;
  if (!shares_) options.bytes_done = bytes_done_;  // else it has counted some already
  options.stop = stop;
  return aggregate(text_, options);
}

}  // namespace lambda::csv_etl
