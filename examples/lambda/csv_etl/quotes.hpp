/// Which quotes in a CSV text open and close a field. Everything that looks at rows (the header,
/// the row scanner, the cutter) asks here, so that they can't disagree.
///
/// The rule, which on every text that follows RFC 4180 is RFC 4180's:
///
///   A quote opens a field if it stands at the beginning of a field and the quote that closes
///   it stands at the end of one. Every other quote outside of a quoted field is stray: it makes
///   its row bad and has no other effect.
///
/// So a row with `"abc"x` or with a quote that is never closed is one bad row and ends at its
/// own newline, where the bare rules of RFC 4180 would let it swallow the rows up to the next
/// quote or the end of the file.
///
/// Quotes inside a quoted field are doubled, so what decides is the length of a run of quotes:
/// an odd run toggles between inside and outside, an even one doesn't.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace lambda::csv_etl {

inline constexpr char quote = '"';

[[nodiscard]] inline std::size_t find_byte(std::string_view text, char byte, std::size_t from,
                                           std::size_t to) noexcept {
  if (from >= to) return std::string_view::npos;
  const void* const found = std::memchr(text.data() + from, byte, to - from);
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

[[nodiscard]] inline bool is_field_begin(std::string_view text, std::size_t at) noexcept {
  return at == 0 || text[at - 1] == ',' || text[at - 1] == '\n';
}

/// Also before a carriage return that belongs to the end of the line.
[[nodiscard]] inline bool is_field_end(std::string_view text, std::size_t at) noexcept {
  if (at == text.size() || text[at] == ',' || text[at] == '\n') return true;
  return text[at] == '\r' && (at + 1 == text.size() || text[at + 1] == '\n');
}

/// A maximal run of quotes, [begin, end).
struct QuoteRun {
  std::size_t begin = std::string_view::npos;
  std::size_t end = std::string_view::npos;

  [[nodiscard]] bool is_odd() const noexcept { return (end - begin) % 2 != 0; }
};

/// The first run that begins in [from, to); begin is npos if there is none.
[[nodiscard]] inline QuoteRun find_quote_run(std::string_view text, std::size_t from,
                                             std::size_t to) noexcept {
  QuoteRun run;
  run.begin = find_byte(text, quote, from, to);
  if (run.begin == std::string_view::npos) return run;
  run.end = run.begin + 1;
  while (run.end < text.size() && text[run.end] == quote) ++run.end;
  return run;
}

/// The first odd run that begins in [from, to).
[[nodiscard]] inline QuoteRun find_odd_run(std::string_view text, std::size_t from,
                                           std::size_t to) noexcept {
  auto run = find_quote_run(text, from, to);
  while (run.begin != std::string_view::npos && !run.is_odd()) {
    run = find_quote_run(text, run.end, to);
  }
  return run;
}

/// Where the field ends that the run at its beginning opens: one past the closing quote; npos if
/// the run is stray.
[[nodiscard]] inline std::size_t quoted_field_end(std::string_view text, QuoteRun run) noexcept {
  // An even run at the beginning of a field opens and closes it: "" or """doubled""".
  const auto closing = run.is_odd() ? find_odd_run(text, run.end, text.size()) : run;
  if (closing.begin == std::string_view::npos) return std::string_view::npos;
  return is_field_end(text, closing.end) ? closing.end : std::string_view::npos;
}

}  // namespace lambda::csv_etl
