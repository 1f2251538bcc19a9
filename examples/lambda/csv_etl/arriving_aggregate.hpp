/// The aggregation of a text while it arrives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>

#include "csv_etl/aggregate.hpp"
#include "csv_etl/header.hpp"
#include "csv_etl/shares.hpp"

namespace lambda::csv_etl {

/// `aggregate` of a text of which more and more is there, from its beginning on: the same result,
/// some of it computed earlier.
///
/// Where rows begin is known of a text without quotes only. With the first quote that is seen the
/// rest is left to `finish`, which then does all of it again.
///
/// **Runs on**: as `aggregate`; the calls one after another. **Lifetime**: the text must outlive
/// it.
class ArrivingAggregate {
 public:
  /// `text` is all of it, though nothing needs to be there yet. Bytes are counted in `bytes_done`,
  /// if there is one, as they are computed.
  explicit ArrivingAggregate(std::string_view text,
                             std::atomic<std::uint64_t>* bytes_done = nullptr);

  /// The first `arrived` bytes are there: computes the rows that end in them. Throws as
  /// `aggregate`.
  void add(std::size_t arrived, const std::stop_token& stop = {});

  /// All bytes are there: computes the rest. Once, and nothing afterwards. Throws as `aggregate`.
  [[nodiscard]] Aggregate finish(const std::stop_token& stop = {});

 private:
  void begin(std::string_view there);
  void add_rows(std::string_view there, const std::stop_token& stop);

  std::string_view text_;
  std::atomic<std::uint64_t>* bytes_done_;
  Header header_;
  std::optional<Shares> shares_;  // once the header has arrived
  std::size_t mark_ = 0;          // bytes of the byte order mark
  std::size_t added_ = 0;         // up to here the rows have been added
  bool quoted_ = false;
};

}  // namespace lambda::csv_etl
