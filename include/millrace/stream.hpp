#pragma once

#include <asio/async_result.hpp>
#include <asio/use_awaitable.hpp>
#include <concepts>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/concepts.hpp"
#include "millrace/detail/refusals.hpp"
#include "millrace/detail/stream.hpp"
#include "millrace/detail/stream_ends.hpp"
#include "millrace/job_options.hpp"

namespace millrace {

/// In which order a stream's results go into its sink.
enum class StreamOrder {
  ordered,    ///< that of the items; a result waits for those before it
  unordered,  ///< as they are computed
};

/// How a stream is to work; designated initialisers: `{.in_flight = 4}`.
struct StreamOptions {
  /// How many items may be out: taken from the source, and not yet through the sink. 0: twice as
  /// many as the pool has workers.
  int in_flight = 0;

  StreamOrder order = StreamOrder::ordered;

  /// For the job of every item. A deadline is one point in time for all of them.
  JobOptions job = {};

  /// Throws `std::invalid_argument` that names field and value.
  void validate() const {
    if (in_flight < 0) {
      throw std::invalid_argument("StreamOptions::in_flight is " + std::to_string(in_flight) +
                                  ", must be 0 or more");
    }
  }
};

/// What a stream takes its items from: a channel with the signature `void(asio::error_code, T)`
/// (`asio::experimental::channel` or `concurrent_channel`), or a callable that returns an
/// `asio::awaitable<std::optional<T>>`, nothing at the end, see also `batched`.
template <class S>
concept StreamSource = detail::Source<S>;

/// The items of a source, `T`.
template <StreamSource S>
using stream_item_t = typename detail::source_of<S>::item;

/// What a stream computes of each item: `f(T&&)`, or `f(T&&, std::stop_token)`, with a result.
/// Called as `const`, on several workers at a time.
template <class F, class S>
concept StreamJob = StreamSource<S> && std::move_constructible<std::decay_t<F>> && requires {
  requires !std::is_void_v<detail::stream_result_t<std::decay_t<F>, stream_item_t<S>>>;
};

/// What a stream puts its results into: a callable that takes one and returns `void` or
/// `asio::awaitable<void>`, or a channel with the signature `void(asio::error_code, U)` where a
/// result converts to `U`.
template <class S, class F, class From>
concept StreamSink =
    StreamJob<F, From> &&
    detail::SinkFor<S, detail::stream_result_t<std::decay_t<F>, stream_item_t<From>>>;

/// Takes items from `source`, computes `f(item)` for each on the pool, several at a time, and puts
/// the results into `sink`.
///
/// Back-pressure from end to end: while `in_flight` items wait, are computed, or are on their way
/// into the sink, no other is taken. One at a time is asked of the source, and one at a time put
/// into the sink.
///
/// - **Runs on:** `f` on the pool's workers, as jobs of `execute`. Source and sink on a strand of
///   the stream's own over the handler's associated executor, which is a coroutine's own: so they
///   never run at the same time, not even on a context with many threads, and keep to the strand of
///   a coroutine that has one. Whoever uses a source's or sink's things at the same time needs that
///   strand, too, or a `concurrent_channel`. A handler without executor has all of it run on
///   workers.
/// - **Resumes on:** the handler's associated executor.
/// - **Completes:** with `void(std::exception_ptr, std::size_t)`: how many results went through the
///   sink. That is when the source has ended, a channel by being closed or a callable by returning
///   nothing, and all items taken before have been delivered. A channel's `asio::error::eof`, sent
///   as a message, is an end as well: Asio before 1.27 forgets what is in a channel's buffer when
///   it is closed. A sink's channel is left open.
/// - **Errors:** when source, `f` or sink throws, or the pool refuses a job, nothing more is taken
///   nor given to the sink; a call of the sink that is under way ends first. A source that waits is
///   cancelled, jobs that have not begun are, too, and those that run are waited for; where they
///   can't change the outcome, their `std::stop_token` is requested. Then the operation completes
///   with the exception: ordered, that of the first in the order of items, the source's having the
///   number of the item that didn't come; unordered, the first that was thrown. Items on their way
///   are lost: an ordered sink has got all before some item, and none after.
/// - **Cancellation:** terminal and partial, as after an error, but with `operation_aborted`; sink
///   and running jobs are asked to stop, too. If everything has been delivered all the same, it
///   completes with the number. Total does nothing.
/// - **Lifetime:** callables are moved into the operation and destroyed before its completion can
///   be observed. Pool and channels must outlive it. A context that goes drops it, as other
///   operations.
/// - **Allocation:** from the heap, for each of the `in_flight` when it starts; per item as
///   `execute` under `co_await`.
///
/// Throws `std::invalid_argument` for bad options. **Example:** examples/09_stream.cpp
template <InstrumentationPolicy Instrumentation, class Source, class F, class Sink,
          class Token = asio::use_awaitable_t<>>
  requires StreamSource<Source> && StreamJob<F, Source> && StreamSink<Sink, F, Source>
[[nodiscard]] auto stream(ComputePool<Instrumentation>& pool, Source&& source, F&& f, Sink&& sink,
                          StreamOptions options = {}, Token&& token = Token()) {
  using result = detail::stream_result_t<std::decay_t<F>, stream_item_t<Source>>;
  detail::check_callable<F>();
  detail::check_returned<result>();
  // Its lanes are coroutines.
  detail::check_alignment<asio::use_awaitable_t<>, stream_item_t<Source>, result>();
  options.validate();
  const int in_flight = options.in_flight == 0 ? 2 * pool.num_threads() : options.in_flight;
  return asio::async_initiate<Token, void(std::exception_ptr, std::size_t)>(
      detail::stream_initiation<ComputePool<Instrumentation>>(
          pool, static_cast<std::size_t>(in_flight), options.order == StreamOrder::ordered,
          options.job),
      token, detail::source_of<Source>(std::forward<Source>(source)),
      std::decay_t<F>(std::forward<F>(f)), detail::sink_of<Sink>(std::forward<Sink>(sink)));
}

}  // namespace millrace
