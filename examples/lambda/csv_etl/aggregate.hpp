/// The synchronous middle of the ETL: medical records in, one line per diagnosis and hospital out.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace lambda::csv_etl {

/// The input can't be understood at all (its header can't); the message is one line.
class InputError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct AggregateOptions {
  /// Into how many parts the text is cut; 0 chooses by size. No result depends on it.
  std::size_t parts = 0;
  /// Counts up to the size of the text while the workers get on; may be read from any thread.
  std::atomic<std::uint64_t>* bytes_done = nullptr;
  /// When requested, no further part is begun.
  std::stop_token stop = {};
};

struct Group {
  std::string diagnosis;
  std::string hospital;
  std::uint64_t rows = 0;
  std::string average_recovery_time;  ///< Shortest decimal text of the nearest double.
  std::string most_used_treatment;

  bool operator==(const Group&) const = default;
};

struct BadRow {
  std::uint64_t line = 0;  ///< Of the row's first line, as an editor counts them: from 1.
  std::string reason;
  std::string text;  ///< The field that is wrong, or the row; an excerpt if it is long.

  bool operator==(const BadRow&) const = default;
};

inline constexpr std::size_t max_bad_row_samples = 20;

struct Aggregate {
  std::vector<Group> groups;  ///< In byte order of diagnosis, then hospital.
  std::uint64_t rows = 0;     ///< Good ones.
  std::uint64_t bad_rows = 0;
  std::vector<BadRow> bad_row_samples;  ///< The first max_bad_row_samples of the text.

  bool operator==(const Aggregate&) const = default;
};

/// Parses and aggregates a CSV text with the columns `Hospital,Diagnosis,Treatment,Recovery Time`
/// (any order, others are ignored) in parallel.
///
/// A pure function: its result depends on the text alone. Sums are exact, one division rounds at
/// the end; among equally frequent treatments of a group the one that appears first in the
/// group's rows wins.
///
/// **Runs on**: the calling thread and whoever joins its oneTBB arena. **Completes**: with the
/// result, or throws InputError for an empty text or an unusable header, or
/// `asio::error::operation_aborted` when it was stopped. **Lifetime**: the result holds no view of
/// `text`.
[[nodiscard]] Aggregate aggregate(std::string_view text, const AggregateOptions& options = {});

}  // namespace lambda::csv_etl
