#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/concepts.hpp"
#include "millrace/detail/patterns.hpp"
#include "millrace/detail/range_source.hpp"
#include "millrace/detail/reduce_pattern.hpp"
#include "millrace/job_options.hpp"
#include "millrace/stages.hpp"

namespace millrace {

/// What a pattern can go through: a vector, an array, a span, a view, as long as elements are
/// reached by their number.
template <class Range>
concept ParallelRange = std::ranges::random_access_range<Range> && std::ranges::sized_range<Range>;

/// How one pattern is to be run; designated initialisers: `{.chunk_size = 64}`.
struct PatternOptions {
  /// How many elements one worker takes at a time, the last time perhaps fewer. 0: chosen by number
  /// of elements and of workers, at most 1024, and more are taken where nobody else wants them; for
  /// `parallel_chunks` and `parallel_batch` eight chunks for each worker.
  std::size_t chunk_size = 0;

  /// For the one job that the pattern is to its pool.
  JobOptions job = {};
};

// Data-parallel loops over a range, each one job of a pool and one Asio operation. What holds for
// all:
//
// - **The range:** a container given as an rvalue is owned by the operation, its elements are the
//   callable's to take (as rvalues, if it can be called with those); an lvalue is borrowed, which
//   is safe, as a job always ends before its operation; spans, views and other ranges that own no
//   elements are copied. A temporary `std::initializer_list` is refused.
// - **The callable** is called from several threads at a time, therefore as const. It may take a
//   `std::stop_token` as its last argument (not fold, reduce and less).
// - **Runs on:** the pool's threads, as `ComputePool::install`: inside the pool at once.
// - **Completes:** with what each says. If the callable throws, or returns an expected-like (a type
//   with `value_type`, `has_value()`, `value()` and `error()`: `std::expected` and its kin) with an
//   error: with the first error in input order, the one that a plain loop would have met; whatever
//   lies behind it and has not begun never runs. For a callable that returns an expected-like the
//   operation's result is one, too, with the pattern's result for its value.
// - **What a callable that throws leaves behind**, and copies and moves of elements and results
// that
//   do: a lvalue's or view's elements all stay where they are, with what the calls before, and some
//   behind, have done to them; an owned container, and all results, totals and values that were
//   made, are destroyed, each once. The same for an error that was returned, and for cancellation.
//   Each pattern says what else there is to know.
// - **Cancellation, deadline:** as for all jobs; besides, a pattern that runs begins no further
//   chunk, and completes with `asio::error::operation_aborted` if that left something out and no
//   error came before it in input order.
// - **Resumes on, lifetime, thread safety, errors:** as at `ComputePool`. Range and callables are
//   destroyed before the completion can be observed.
// - **Allocation:** as at `ComputePool`, the results, and the tasks of oneTBB.

/// Calls `f(element)` for each element.
///
/// **Completes:** with nothing; what `f` returns is dropped, unless it is an error. After one all
/// elements before it have had their call, and any number of those behind it.
/// **Example:** examples/08_patterns.cpp
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_for_each(ComputePool<I>& pool, Range&& range, F&& f,
                                     Token&& token = Token()) {
  return pool.install(detail::for_each_body(detail::over_range(
                          std::forward<Range>(range), std::forward<F>(f), 0, pool.num_threads())),
                      std::forward<Token>(token));
}
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_for_each(ComputePool<I>& pool, PatternOptions options, Range&& range,
                                     F&& f, Token&& token = Token()) {
  return pool.install(
      options.job,
      detail::for_each_body(detail::over_range(std::forward<Range>(range), std::forward<F>(f),
                                               options.chunk_size, pool.num_threads())),
      std::forward<Token>(token));
}

/// Calls `f(element)` for each element and keeps what it returns.
///
/// **Completes:** with a `std::vector` of the results, in input order; they may be move-only and
/// without default. A reference becomes a `std::reference_wrapper`. After an error there are no
/// results; elements of an owned container that calls took are gone. **Example:**
/// examples/08_patterns.cpp
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_map(ComputePool<I>& pool, Range&& range, F&& f,
                                Token&& token = Token()) {
  return pool.install(detail::map_body(detail::over_range(
                          std::forward<Range>(range), std::forward<F>(f), 0, pool.num_threads())),
                      std::forward<Token>(token));
}
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_map(ComputePool<I>& pool, PatternOptions options, Range&& range, F&& f,
                                Token&& token = Token()) {
  return pool.install(
      options.job,
      detail::map_body(detail::over_range(std::forward<Range>(range), std::forward<F>(f),
                                          options.chunk_size, pool.num_threads())),
      std::forward<Token>(token));
}

/// Calls `f(element)` for each element and keeps what isn't empty: `f` returns a `std::optional`,
/// or an expected-like of one. With `stages(f, g, ...)` several steps in one pass.
///
/// **Completes:** with a `std::vector` of the values, in input order; after an error as
/// `parallel_map`. **Example:** examples/08_patterns.cpp
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_filter_map(ComputePool<I>& pool, Range&& range, F&& f,
                                       Token&& token = Token()) {
  return pool.install(detail::filter_map_body(detail::over_range(
                          std::forward<Range>(range), std::forward<F>(f), 0, pool.num_threads())),
                      std::forward<Token>(token));
}
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_filter_map(ComputePool<I>& pool, PatternOptions options, Range&& range,
                                       F&& f, Token&& token = Token()) {
  return pool.install(
      options.job,
      detail::filter_map_body(detail::over_range(std::forward<Range>(range), std::forward<F>(f),
                                                 options.chunk_size, pool.num_threads())),
      std::forward<Token>(token));
}

/// Calls `f(chunk)` for consecutive chunks, with a `std::span` where the elements lie in a row,
/// else with a `std::ranges::subrange`.
///
/// **Completes:** with a `std::vector` of one result per chunk, in input order. After an error of
/// one chunk all before it have had their call. **Example:** examples/08_patterns.cpp
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_chunks(ComputePool<I>& pool, Range&& range, F&& f,
                                   Token&& token = Token()) {
  return pool.install(
      detail::chunks_body(
          detail::over_range(std::forward<Range>(range), std::forward<F>(f), 0, pool.num_threads()),
          detail::as_they_are()),
      std::forward<Token>(token));
}
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_chunks(ComputePool<I>& pool, PatternOptions options, Range&& range,
                                   F&& f, Token&& token = Token()) {
  return pool.install(
      options.job,
      detail::chunks_body(detail::over_range(std::forward<Range>(range), std::forward<F>(f),
                                             options.chunk_size, pool.num_threads()),
                          detail::as_they_are()),
      std::forward<Token>(token));
}

/// The same, but `f` returns a container for each chunk, and their elements are put one behind the
/// other.
///
/// **Completes:** with a `std::vector` of all chunks' results, in input order; after an error as
/// `parallel_chunks`.
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_batch(ComputePool<I>& pool, Range&& range, F&& f,
                                  Token&& token = Token()) {
  return pool.install(
      detail::chunks_body(
          detail::over_range(std::forward<Range>(range), std::forward<F>(f), 0, pool.num_threads()),
          detail::one_behind_the_other()),
      std::forward<Token>(token));
}
template <InstrumentationPolicy I, ParallelRange Range, class F,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_batch(ComputePool<I>& pool, PatternOptions options, Range&& range,
                                  F&& f, Token&& token = Token()) {
  return pool.install(
      options.job,
      detail::chunks_body(detail::over_range(std::forward<Range>(range), std::forward<F>(f),
                                             options.chunk_size, pool.num_threads()),
                          detail::one_behind_the_other()),
      std::forward<Token>(token));
}

/// Folds runs of elements with `fold(total, element)`, and their totals with `reduce(left, right)`.
///
/// Each run starts with `identity`, a value to copy or a callable that makes one; it must be
/// neutral to `reduce`, as the number of runs isn't said. `reduce` must be associative, and needn't
/// be commutative. With a `chunk_size` each chunk is a run and they are reduced in the same way
/// each time, so that rounding is the same, too, whatever the number of workers.
///
/// **Completes:** with the total, of the type of `identity`; for no elements that itself. `fold`
/// and `reduce` get totals as rvalues: what one of them throws takes these totals along, and the
/// pattern gives none. **Example:** examples/08_patterns.cpp
template <InstrumentationPolicy I, ParallelRange Range, class Identity, class Fold, class Reduce,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_reduce(ComputePool<I>& pool, Range&& range, Identity&& identity,
                                   Fold&& fold, Reduce&& reduce, Token&& token = Token()) {
  return pool.install(
      detail::reduce_body(detail::over_range(std::forward<Range>(range), std::forward<Fold>(fold),
                                             0, pool.num_threads()),
                          std::decay_t<Identity>(std::forward<Identity>(identity)),
                          std::decay_t<Reduce>(std::forward<Reduce>(reduce))),
      std::forward<Token>(token));
}
template <InstrumentationPolicy I, ParallelRange Range, class Identity, class Fold, class Reduce,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_reduce(ComputePool<I>& pool, PatternOptions options, Range&& range,
                                   Identity&& identity, Fold&& fold, Reduce&& reduce,
                                   Token&& token = Token()) {
  return pool.install(
      options.job,
      detail::reduce_body(detail::over_range(std::forward<Range>(range), std::forward<Fold>(fold),
                                             options.chunk_size, pool.num_threads()),
                          std::decay_t<Identity>(std::forward<Identity>(identity)),
                          std::decay_t<Reduce>(std::forward<Reduce>(reduce))),
      std::forward<Token>(token));
}

/// Sorts in place by `less`; equal elements in any order.
///
/// **Completes:** with nothing, or for a container given as an rvalue with the sorted container;
/// with what `less` throws, one of them if several do. Then each element is there once, in some
/// order, which neither `std::sort` nor oneTBB's promises. (If moving an element throws, that one
/// may be left as its move leaves it.) **Cancellation:** when it runs, it ends before the next
/// part, with the elements all there, in some order. **Example:** examples/08_patterns.cpp
template <InstrumentationPolicy I, ParallelRange Range, class Less = std::ranges::less,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_sort(ComputePool<I>& pool, Range&& range, Less&& less = Less(),
                                 Token&& token = Token()) {
  return pool.install(detail::sort_body<Range, std::decay_t<Less>>(
                          detail::range_source<Range>(std::forward<Range>(range)),
                          std::decay_t<Less>(std::forward<Less>(less))),
                      std::forward<Token>(token));
}
template <InstrumentationPolicy I, ParallelRange Range, class Less = std::ranges::less,
          class Token = typename ComputePool<I>::default_token>
[[nodiscard]] auto parallel_sort(ComputePool<I>& pool, JobOptions options, Range&& range,
                                 Less&& less = Less(), Token&& token = Token()) {
  return pool.install(options,
                      detail::sort_body<Range, std::decay_t<Less>>(
                          detail::range_source<Range>(std::forward<Range>(range)),
                          std::decay_t<Less>(std::forward<Less>(less))),
                      std::forward<Token>(token));
}

}  // namespace millrace
