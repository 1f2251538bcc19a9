#include "csv_etl/row_cuts.hpp"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "csv_etl/quotes.hpp"

// Why the cuts are right
// ----------------------
// By the rule of quotes.hpp only odd runs of quotes matter for what is inside and what is
// outside, and only two bits of each: does it stand at the beginning of a field (b), and at the
// end of one (e)? Reading the odd runs of the whole text in order is then an automaton with two
// states:
//
//   closed   a run with b is a candidate for an opening quote -> open; any other is stray.
//   open     a run with e closes the candidate -> closed. Any other run shows that the candidate
//            was stray, so this run is judged as in `closed`.
//
// A position is inside a quoted field if the state there is `open` and the next odd run has e.
// Where a chunk begins we don't know the state, but with two states it is cheap to follow both:
// each chunk gives a function from the state at its beginning to the state at its end, all
// chunks in parallel, and composing the functions in order gives the true state at the beginning
// of each. (Counting quotes modulo two would be simpler and wrong: a stray quote in one bad row
// would turn everything after it inside out.)
//
// A run belongs to the chunk in which it begins, so a chunk skips the rest of a run that begins
// before it.

namespace lambda::csv_etl {
namespace {

constexpr auto npos = std::string_view::npos;

enum State : std::uint8_t { closed = 0, open = 1 };

struct Chunk {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::array<State, 2> end_state{closed, open};  // indexed by the state at the beginning
  QuoteRun first_odd_run;                        // the first in this chunk or in a later one
  State begin_state = closed;
};

State after_run(State state, bool at_field_begin, bool at_field_end) {
  if (state == open && at_field_end) return closed;
  return at_field_begin ? open : closed;
}

// The first position at or after `at` that isn't in the middle of a run.
std::size_t skip_rest_of_run(std::string_view text, std::size_t at) {
  if (at == 0 || at >= text.size() || text[at - 1] != quote) return at;
  while (at < text.size() && text[at] == quote) ++at;
  return at;
}

void summarize(std::string_view text, Chunk& chunk) {
  const auto from = skip_rest_of_run(text, chunk.begin);
  chunk.first_odd_run = find_odd_run(text, from, chunk.end);
  for (auto run = chunk.first_odd_run; run.begin != npos;
       run = find_odd_run(text, run.end, chunk.end)) {
    const bool at_begin = is_field_begin(text, run.begin);
    const bool at_end = is_field_end(text, run.end);
    for (auto& state : chunk.end_state) state = after_run(state, at_begin, at_end);
  }
}

// From a position outside of quotes.
std::size_t next_row_boundary(std::string_view text, std::size_t at) {
  for (;;) {
    const auto newline = find_byte(text, '\n', at, text.size());
    const auto line_end = newline == npos ? text.size() : newline;
    auto resume = npos;
    for (auto run = find_quote_run(text, at, line_end); run.begin != npos;
         run = find_quote_run(text, run.end, line_end)) {
      if (!is_field_begin(text, run.begin)) continue;
      resume = quoted_field_end(text, run);
      if (resume != npos) break;
    }
    if (resume == npos) return newline == npos ? text.size() : newline + 1;
    at = resume;
  }
}

std::size_t first_row_boundary(std::string_view text, const Chunk& chunk) {
  auto at = skip_rest_of_run(text, chunk.begin);
  const auto& run = chunk.first_odd_run;
  if (chunk.begin_state == open && run.begin != npos && is_field_end(text, run.end)) {
    at = run.end;
  } else if (at == chunk.begin && text[at - 1] == '\n') {
    return at;
  }
  return next_row_boundary(text, at);
}

}  // namespace

TextTraits find_traits(std::string_view text) {
  using Range = tbb::blocked_range<std::size_t>;
  constexpr std::size_t grain = 256 * 1024;
  return tbb::parallel_reduce(
      Range{0, text.size(), grain}, TextTraits{},
      [text](const Range& range, TextTraits traits) {
        // Blocks of a fixed size, because only such loops become vector code at -O2.
        constexpr std::size_t block_size = 64;
        const char* at = text.data() + range.begin();
        const char* const end = text.data() + range.end();
        unsigned char quotes = 0;
        unsigned char bits = 0;
        const auto look = [&](char c) {
          const auto byte = static_cast<unsigned char>(c);
          quotes = static_cast<unsigned char>(quotes | (byte == quote ? 1 : 0));
          bits = static_cast<unsigned char>(bits | byte);
        };
        for (; end - at >= static_cast<std::ptrdiff_t>(block_size); at += block_size) {
          for (std::size_t i = 0; i < block_size; ++i) look(at[i]);
        }
        for (; at < end; ++at) look(*at);
        return TextTraits{traits.has_quotes || quotes != 0,
                          traits.has_non_ascii || (bits & 0x80U) != 0};
      },
      [](const TextTraits& a, const TextTraits& b) {
        return TextTraits{a.has_quotes || b.has_quotes, a.has_non_ascii || b.has_non_ascii};
      });
}

std::vector<std::size_t> find_row_boundaries(std::string_view text, std::size_t begin,
                                             std::span<const std::size_t> wanted, bool has_quotes) {
  std::vector<std::size_t> boundaries(wanted.size());
  if (!has_quotes) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto newline =
          wanted[i] == begin ? npos : find_byte(text, '\n', wanted[i] - 1, text.size());
      boundaries[i] = wanted[i] == begin ? begin : newline == npos ? text.size() : newline + 1;
    }
    return boundaries;
  }

  // chunks[0] lies in front of the first wanted position, chunks[i + 1] begins at wanted[i].
  std::vector<Chunk> chunks(wanted.size() + 1);
  chunks[0].begin = begin;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    chunks[i].end = chunks[i + 1].begin = wanted[i];
  }
  chunks.back().end = text.size();

  tbb::parallel_for(std::size_t{0}, chunks.size(),
                    [&](std::size_t i) { summarize(text, chunks[i]); });

  for (std::size_t i = 1; i < chunks.size(); ++i) {
    chunks[i].begin_state = chunks[i - 1].end_state[chunks[i - 1].begin_state];
  }
  for (std::size_t i = chunks.size() - 1; i-- > 0;) {
    if (chunks[i].first_odd_run.begin == npos) {
      chunks[i].first_odd_run = chunks[i + 1].first_odd_run;
    }
  }

  tbb::parallel_for(std::size_t{0}, wanted.size(), [&](std::size_t i) {
    boundaries[i] = wanted[i] == begin         ? begin
                    : wanted[i] >= text.size() ? text.size()
                                               : first_row_boundary(text, chunks[i + 1]);
  });
  return boundaries;
}

}  // namespace lambda::csv_etl
