#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "millrace/concepts.hpp"
#include "millrace/detail/stream_ends.hpp"
#include "millrace/detail/stream_strand.hpp"
#include "millrace/job_options.hpp"

// How a stream works: n lanes, each a coroutine that takes an item, has it computed, waits for its
// turn and puts the result into the sink, and only then takes the next item. So no more than n
// items can be out, and a slow sink stops the source without anybody counting. All lanes run on one
// strand, which is why nothing here is locked or atomic.
namespace millrace::detail {

// Whoever takes it holds it until it is passed on, to the one who has waited longest.
//
// A channel and not a list of our own: who waits belongs to the context's services then, and is
// destroyed with them.
class stream_turn {
 public:
  explicit stream_turn(const asio::any_io_executor& executor) : channel_(executor, 1) {}

  [[nodiscard]] bool try_take() {
    return channel_.try_receive([](std::error_code, nothing) {});
  }
  // False: closed, nobody gets it any more.
  [[nodiscard]] asio::awaitable<bool> take() {
    std::error_code closed;
    co_await channel_.async_receive(asio::redirect_error(asio::use_awaitable, closed));
    co_return !closed;
  }
  void pass() { channel_.try_send(std::error_code(), nothing()); }
  void close() { channel_.close(); }

 private:
  using nothing = std::monostate;  // Asio 1.22 has no channel of an error_code alone

  asio::experimental::channel<void(std::error_code, nothing)> channel_;
};

class stream_lane {
 public:
  enum class place { between, source, job, sink };

  explicit stream_lane(const asio::any_io_executor& executor) : turn(executor) {}

  place at = place::between;
  std::size_t number = 0;                // of its item, or of the one that it asks the source for
  bool begun = false;                    // its job
  asio::cancellation_signal users_code;  // source and sink
  asio::cancellation_signal job;
  // Not this lane's, but that of item i when this is lane i modulo n: lanes change places.
  stream_turn turn;
};

// What doesn't depend on what the stream is made of.
class stream_core {
 public:
  stream_core(asio::any_io_executor executor, std::size_t in_flight, bool ordered)
      : executor_(std::move(executor)),
        ordered_(ordered),
        source_turn_(executor_),
        all_ended_(executor_) {
    for (std::size_t i = 0; i < in_flight; ++i) lanes_.emplace_back(executor_);
    source_turn_.pass();
    lanes_.front().turn.pass();
  }

  [[nodiscard]] const asio::any_io_executor& executor() const noexcept { return executor_; }

  // The operation was cancelled.
  void abort() {
    if (std::exchange(aborted_, true)) return;
    stop();
  }

 protected:
  using place = stream_lane::place;

  ~stream_core() = default;

  // In order, everyone has a turn of its own and passes on the next one's. Items that are out have
  // numbers in a row, n at most, so n turns are enough.
  [[nodiscard]] stream_turn& sink_turn(std::size_t number) {
    return lanes_[ordered_ ? number % lanes_.size() : 0].turn;
  }

  // Lane and why it ended: null if there was nothing left to do for it.
  void ended(stream_lane& lane, std::exception_ptr error) {
    const place where = std::exchange(lane.at, place::between);
    const bool called_off = where == place::job && stopping_ && !lane.begun;
    if (error && !called_off) fail(lane.number, std::move(error));
    if (--running_ == 0) all_ended_.pass();
  }

  // Keeps the error that counts.
  void fail(std::size_t number, std::exception_ptr error) {
    if (aborted_ || (error_ && !(ordered_ && number < failed_at_))) return;
    error_ = std::move(error);
    failed_at_ = number;
    stop();
  }

  [[nodiscard]] std::size_t outcome() const {
    if (error_) std::rethrow_exception(error_);
    if (aborted_ && !(source_ended_ && delivered_ == taken_)) {
      throw std::system_error(asio::error::make_error_code(asio::error::operation_aborted));
    }
    return delivered_;
  }

  asio::any_io_executor executor_;
  const bool ordered_;
  bool stopping_ = false;
  bool aborted_ = false;
  bool source_ended_ = false;
  std::size_t taken_ = 0;
  std::size_t delivered_ = 0;
  std::size_t running_ = 0;  // lanes
  std::deque<stream_lane> lanes_;
  stream_turn source_turn_;
  stream_turn all_ended_;

 private:
  void stop() {
    stopping_ = true;
    source_turn_.close();
    // First what hasn't begun, which is what total reaches: a job that is told to stop makes room
    // for the next one.
    for (stream_lane& lane : lanes_) {
      if (lane.at == place::job) lane.job.emit(asio::cancellation_type::total);
    }
    for (stream_lane& lane : lanes_) {
      lane.turn.close();
      switch (lane.at) {
        case place::between:
          break;
        case place::source:
          lane.users_code.emit(asio::cancellation_type::terminal);
          break;
        case place::job:
          // Of a job that runs the exception may be the one that counts.
          if (!may_count(lane.number)) lane.job.emit(asio::cancellation_type::terminal);
          break;
        case place::sink:
          // What it has begun to write is for it to finish, unless nobody wants to wait.
          if (aborted_) lane.users_code.emit(asio::cancellation_type::terminal);
          break;
      }
    }
  }

  [[nodiscard]] bool may_count(std::size_t number) const noexcept {
    return !aborted_ && ordered_ && number < failed_at_;
  }

  std::exception_ptr error_;
  std::size_t failed_at_ = 0;
};

template <class F, class Item>
concept StoppableStreamJob = takes_stop<const F&, Item>;

template <class F, class Item>
struct stream_returns {};
template <class F, class Item>
  requires std::invocable<const F&, Item&&>
struct stream_returns<F, Item> {
  using type = std::invoke_result_t<const F&, Item&&>;
};
template <class F, class Item>
  requires StoppableStreamJob<F, Item>
struct stream_returns<F, Item> {
  using type = stoppable_result_t<const F&, Item>;
};

template <class F, class Item>
using stream_result_t = job_value_t<typename stream_returns<F, Item>::type>;

// The job of one item. Borrows from its lane, which waits for it.
template <class F, class Item>
class stream_job {
 public:
  stream_job(const F& f, Item& item, bool& begun) : f_(f), item_(item), begun_(begun) {}

  decltype(auto) operator()()
    requires(!StoppableStreamJob<F, Item>)
  {
    begun_ = true;
    return std::invoke(f_, std::move(item_));
  }
  decltype(auto) operator()(const std::stop_token& stop)
    requires StoppableStreamJob<F, Item>
  {
    begun_ = true;
    return call_stoppable(stop, f_, std::move(item_));
  }

 private:
  const F& f_;
  Item& item_;
  bool& begun_;
};

// Kept by its lanes and by the coroutine that waits for them, all of which a context destroys that
// goes.
template <class Pool, class Source, class F, class Sink>
class stream_run : public stream_core {
 public:
  using self = std::shared_ptr<stream_run>;

  stream_run(asio::any_io_executor executor, std::size_t in_flight, bool ordered,
             const JobOptions& job, Pool& pool, Source&& from, F&& f, Sink&& to)
      : stream_core(std::move(executor), in_flight, ordered),
        pool_(pool),
        job_(job),
        source_(std::move(from)),
        f_(std::move(f)),
        sink_(std::move(to)) {}

  static asio::awaitable<std::size_t> conduct(self run) {
    for (stream_lane& lane : run->lanes_) {
      ++run->running_;
      try {
        asio::co_spawn(run->executor_, work(run, lane),
                       asio::bind_cancellation_slot(lane.users_code.slot(),
                                                    [run, &lane](std::exception_ptr error) {
                                                      run->ended(lane, std::move(error));
                                                    }));
      } catch (...) {
        run->ended(lane, std::current_exception());
      }
    }
    while (run->running_ != 0) co_await run->all_ended_.take();
    co_return run->outcome();
  }

 private:
  using item = typename Source::item;
  using result = stream_result_t<F, item>;

  // Whatever is thrown here ends the lane and arrives in ended().
  static asio::awaitable<void> work(self run, stream_lane& lane) {
    for (;;) {
      if (!run->source_turn_.try_take() && !co_await run->source_turn_.take()) co_return;
      if (run->stopping_) co_return;
      lane.number = run->taken_;
      lane.at = place::source;
      std::optional<item> taken = co_await run->source_.take();
      lane.at = place::between;
      if (run->stopping_) co_return;
      if (!taken) {
        run->source_ended_ = true;
        run->source_turn_.close();
        co_return;
      }
      ++run->taken_;
      run->source_turn_.pass();

      lane.begun = false;
      lane.at = place::job;
      stream_job<F, item> job(run->f_, *taken, lane.begun);
      result computed = co_await run->pool_.execute(
          run->job_, std::move(job),
          asio::bind_cancellation_slot(lane.job.slot(), asio::use_awaitable));
      lane.at = place::between;
      taken.reset();
      if (run->stopping_) co_return;

      stream_turn& turn = run->sink_turn(lane.number);
      if (!turn.try_take() && !co_await turn.take()) co_return;
      if (run->stopping_) co_return;
      lane.at = place::sink;
      if constexpr (std::is_void_v<decltype(run->sink_.put(std::move(computed)))>) {
        run->sink_.put(std::move(computed));
      } else {
        co_await run->sink_.put(std::move(computed));
      }
      lane.at = place::between;
      ++run->delivered_;
      run->sink_turn(lane.number + 1).pass();
    }
  }

  Pool& pool_;
  const JobOptions job_;
  Source source_;
  const F f_;
  Sink sink_;
};

// Lies in the slot of the operation's handler, which is called on the handler's executor. Owns
// nothing: the slot may belong to what the stream keeps alive, or outlive the context.
struct stream_canceller {
  std::weak_ptr<stream_core> run;

  void operator()(asio::cancellation_type type) const {
    // Total promises that nothing has happened.
    constexpr auto heeded = asio::cancellation_type::terminal | asio::cancellation_type::partial;
    if ((type & heeded) == asio::cancellation_type::none) return;
    if (const auto found = run.lock()) {
      asio::post(found->executor(), [run = run] {
        if (const auto still_there = run.lock()) still_there->abort();
      });
    }
  }
};

// The operation's handler as co_spawn gets it: without its cancellation slot, by which co_spawn of
// Asio 1.22 would cancel on the handler's executor and not on the stream's.
template <class Handler, class Executor>
class stream_handler {
 public:
  using executor_type = Executor;

  stream_handler(Handler&& handler, const Executor& executor)
      : handler_(std::move(handler)), executor_(executor) {}

  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }

  void operator()(std::exception_ptr error, std::size_t count) {
    asio::get_associated_cancellation_slot(handler_).clear();
    std::move(handler_)(std::move(error), count);
  }

 private:
  Handler handler_;
  Executor executor_;
};

// What a completion token is handed.
template <class Pool>
class stream_initiation {
 public:
  using executor_type = typename Pool::executor_type;

  stream_initiation(Pool& pool, std::size_t in_flight, bool ordered, const JobOptions& job)
      : pool_(&pool), in_flight_(in_flight), ordered_(ordered), job_(job) {}

  [[nodiscard]] executor_type get_executor() const noexcept { return pool_->get_executor(); }

  template <class Handler, class Source, class F, class Sink>
  void operator()(Handler&& token_handler, Source&& from, F&& f, Sink&& to) const {
    using run_type = stream_run<Pool, std::decay_t<Source>, std::decay_t<F>, std::decay_t<Sink>>;
    using handler_type = std::decay_t<Handler>;
    handler_type handler(std::forward<Handler>(token_handler));
    const auto handlers_own = asio::get_associated_executor(handler, get_executor());
    const asio::any_io_executor executor = stream_strand(handlers_own, get_executor());
    auto run = std::make_shared<run_type>(executor, in_flight_, ordered_, job_, *pool_,
                                          std::decay_t<Source>(std::forward<Source>(from)),
                                          std::decay_t<F>(std::forward<F>(f)),
                                          std::decay_t<Sink>(std::forward<Sink>(to)));
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.assign(stream_canceller{run});
    asio::co_spawn(executor, run_type::conduct(std::move(run)),
                   stream_handler<handler_type, std::decay_t<decltype(handlers_own)>>(
                       std::move(handler), handlers_own));
  }

 private:
  Pool* pool_;
  std::size_t in_flight_;
  bool ordered_;
  JobOptions job_;
};

}  // namespace millrace::detail
