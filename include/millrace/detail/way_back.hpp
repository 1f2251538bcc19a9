#pragma once

#include <asio/associated_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution/context.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/system_executor.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "millrace/detail/block_cache.hpp"
#include "millrace/detail/delivering.hpp"
#include "millrace/detail/executors.hpp"
#include "millrace/detail/handler.hpp"
#include "millrace/detail/inbox_service.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_home.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/return_count.hpp"
#include "millrace/detail/ways_home.hpp"

// How an operation gets back to its handler: `deliver` sets it off, from any thread; `arrive`,
// which is asked whenever the job is to complete, says whether it is there.
namespace millrace::detail {

// A handler that an executor calls at once, inside of the call that hands it over. What it throws
// may be kept there: it goes on from there and leaves the turn, and run(), as from any other
// handler. Asio would go on with the turn, and make one exception of all that are thrown in it.
class passage {
 public:
  enum class what_is_thrown { kept, passes };

  explicit passage(what_is_thrown thrown) noexcept
      : outer_(std::exchange(current_, this)), keeps_(thrown == what_is_thrown::kept) {}
  ~passage() { current_ = outer_; }
  passage(const passage&) = delete;
  passage& operator=(const passage&) = delete;

  // The one that this thread is in, for the first who asks.
  [[nodiscard]] static passage* take() noexcept { return std::exchange(current_, nullptr); }

  [[nodiscard]] bool taken() const noexcept { return current_ != this; }
  [[nodiscard]] bool keeps() const noexcept { return keeps_; }

  void keep(std::exception_ptr thrown) noexcept { thrown_ = std::move(thrown); }
  void rethrow() {
    if (thrown_) std::rethrow_exception(std::move(thrown_));
  }

 private:
  static inline constinit thread_local passage* current_ = nullptr;

  passage* const outer_;
  const bool keeps_;
  std::exception_ptr thrown_;
};

// What is handed to an executor: completes the job when called, drops it when dropped.
template <class Allocator>
class completion {
 public:
  using allocator_type = Allocator;

  completion(job& done, const Allocator& allocator) noexcept
      : done_(&done), allocator_(allocator) {}
  completion(completion&& other) noexcept
      : done_(std::exchange(other.done_, nullptr)), allocator_(other.allocator_) {}
  completion& operator=(completion&&) = delete;
  ~completion() {
    if (done_ != nullptr) done_->perform(job::step::drop);
  }

  void operator()() {
    job& done = *std::exchange(done_, nullptr);
    passage* const within = passage::take();
    if (within == nullptr || !within->keeps()) return done.perform(job::step::complete);
    try {
      done.perform(job::step::complete);
    } catch (...) {
      within->keep(std::current_exception());
    }
  }

  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_; }

 private:
  job* done_;
  Allocator allocator_;
};

// What is delivered once, and is there then.
class in_one_go {
 public:
  template <class Allocator>
  [[nodiscard]] bool arrive(job&, const Allocator&) const noexcept {
    return true;
  }
};

// Hands `f` to the executor, not inside this call. One that can't promise that gets it from a
// thread of Asio's system_executor.
template <class Executor, class F>
void post_to(const Executor& executor, F&& f) {
  if constexpr (postable<Executor>) {
    asio::post(executor, std::forward<F>(f));
  } else {
    asio::post(asio::system_executor(), [executor, f = std::forward<F>(f)]() mutable {
      asio::dispatch(executor, std::move(f));
    });
  }
}

// An operation's way back to its handler, which also keeps the handler's context running. This one
// goes through any executor there is: one function object per job.
template <class Executor>
class way_back_by_executor : public in_one_go {
 public:
  // `counted_by`: an inbox that counts the operation already, and is waited for in its stead.
  explicit way_back_by_executor(const Executor& executor, job_home* counted_by = nullptr)
      : out_(counted_by != nullptr ? nullptr : returns_of(executor)), executor_(executor) {}

  [[nodiscard]] const void* home() const noexcept { return out_.home(); }

  // The context needn't wait for this any more.
  void leave_home() noexcept { const return_count::share not_any_more(std::move(out_)); }

  // The executor's context, as an address to compare; none if it doesn't tell.
  [[nodiscard]] const void* context() const noexcept { return context_behind(executor_.get()); }

  // An executor that throws doesn't take the operation, which is dropped then: nobody else may call
  // its handler, and here is nobody to tell.
  template <class Allocator>
  void deliver(job& done, delivery when, const Allocator& allocator) {
    const passage within(passage::what_is_thrown::passes);
    try {
      hand_over(done, when, allocator);
    } catch (...) {
      if (within.taken()) throw;  // by the handler
    }
  }

  // The same, and throws what the executor throws.
  template <class Allocator>
  void hand_over(job& done, delivery when, const Allocator& allocator) {
    // The job may be gone before the call returns.
    const return_count::share out(std::move(out_));
    const auto executor = executor_;
    if (when == delivery::later) {
      const delivering own_promise;
      post_to(executor.get(), completion<Allocator>(done, allocator));
    } else {
      asio::dispatch(executor.get(), completion<Allocator>(done, allocator));
    }
    job_streak::of_this_thread().interrupt();
  }

 private:
  // None: the executor doesn't tell its context.
  [[nodiscard]] static return_count* returns_of(const Executor& executor) {
    asio::execution_context* const context = context_behind(executor);
    return context == nullptr ? nullptr : &service_of<return_service>(*context);
  }

  // First, for it may throw: work that comes and goes would stop a context that has no other.
  return_count::share out_;
  tracked_executor<Executor> executor_;
};

// One operation that is out and will come back through an inbox; null: through none.
class inbox_share {
 public:
  // Of one that expects the operation.
  explicit inbox_share(job_home* by) noexcept : inbox_(by) {}
  inbox_share(job_home* by, const pool_ways& ways) noexcept : inbox_(by) {
    if (inbox_ != nullptr) ways.all->expect(*inbox_, ways.look_out);
  }
  inbox_share(inbox_share&& other) noexcept : inbox_(std::exchange(other.inbox_, nullptr)) {}
  inbox_share& operator=(inbox_share&&) = delete;
  ~inbox_share() {
    if (inbox_ != nullptr) inbox_->received();
  }

  explicit operator bool() const noexcept { return inbox_ != nullptr; }
  [[nodiscard]] const void* home() const noexcept {
    return inbox_ != nullptr ? inbox_->id() : nullptr;
  }
  void publish(job& done) noexcept { inbox_->publish(done); }

 private:
  job_home* inbox_;
};

// The inbox of the context that an executor belongs to, as its own executor or as a strand around
// that. None: null.
template <class Executor>
[[nodiscard]] job_home* home_behind(const Executor& executor, const ways_home& ways) {
  if constexpr (own_executor<Executor>) {
    return ways.find(
        static_cast<context_of<Executor>&>(asio::query(executor, asio::execution::context)));
  } else if constexpr (is_strand<Executor>) {
    return home_behind(executor.get_inner_executor(), ways);
  } else if constexpr (any_executor<Executor>) {
    return ways.find(executor);
  } else {
    return nullptr;
  }
}

// Through the inbox of a context, for its own executors, which say no more than "on one of my
// threads".
template <class Executor>
class way_back_by_inbox : public in_one_go {
 public:
  way_back_by_inbox(const Executor& executor, const pool_ways& ways)
      : inbox_(home_behind(executor, *ways.all), ways) {}

  [[nodiscard]] const void* home() const noexcept { return inbox_.home(); }

  void leave_home() noexcept {}

  // An inbox never is a pool's, which is what is asked for.
  [[nodiscard]] static constexpr const void* context() noexcept { return nullptr; }

  template <class Allocator>
  void deliver(job& done, delivery, const Allocator&) noexcept {
    inbox_.publish(done);
  }

 private:
  inbox_share inbox_;
};

// Through an inbox, through an executor, or first the one and then the other: jobs whose handlers
// are on strands come to the strands' context together, and its thread takes each of them on to its
// own.
//
// `Pointer` to a way_back_by_executor or an erased_way, which is null if the inbox is all of the
// way.
template <class Pointer>
class way_back_by_both {
 public:
  // Expected only where nothing can fail any more: work that comes and goes would stop a context
  // that has no other.
  way_back_by_both(Pointer other, job_home* by, const pool_ways& ways) noexcept
      : other_(std::move(other)), inbox_(by, ways) {}
  way_back_by_both(Pointer other, job_home* expecting) noexcept
      : other_(std::move(other)), inbox_(expecting) {}

  [[nodiscard]] const void* home() const noexcept {
    return inbox_ ? inbox_.home() : other_->home();
  }

  void leave_home() noexcept {
    if (other_) other_->leave_home();
  }

  [[nodiscard]] const void* context() const noexcept {
    return inbox_ ? nullptr : other_->context();
  }

  template <class Allocator>
  void deliver(job& done, delivery when, const Allocator& allocator) {
    if (inbox_) {
      inbox_.publish(done);
    } else {
      other_->deliver(done, when, allocator);
    }
  }

  template <class Allocator>
  [[nodiscard]] bool arrive(job& done, const Allocator& allocator) {
    if (!other_ || !inbox_) return true;
    // Not counted while it waits for the strand: a context that goes may close the inbox first,
    // which waits for what is counted, and only then clear the strand's queue away.
    const inbox_share until_handed_over(std::move(inbox_));
    passage on(passage::what_is_thrown::kept);
    other_->hand_over(done, delivery::now_or_later, allocator);
    on.rethrow();
    return false;
  }

 private:
  Pointer other_;
  inbox_share inbox_;
};

// `Allocator` is what the operation hands over for `deliver` and `arrive`.
template <class Executor, class Allocator>
class way_back : public way_back_by_executor<Executor> {
 public:
  way_back(const Executor& executor, const pool_ways& /*ways*/)
      : way_back_by_executor<Executor>(executor) {}
};
template <own_executor Executor, class Allocator>
class way_back<Executor, Allocator> : public way_back_by_inbox<Executor> {
  using way_back_by_inbox<Executor>::way_back_by_inbox;
};
template <class Executor, class Allocator>
  requires is_strand<Executor>
class way_back<Executor, Allocator>
    : public way_back_by_both<std::optional<way_back_by_executor<Executor>>> {
  using by_executor = way_back_by_executor<Executor>;

 public:
  way_back(const Executor& executor, const pool_ways& ways)
      : way_back(executor, home_behind(executor, *ways.all), ways) {}

 private:
  way_back(const Executor& executor, job_home* by, const pool_ways& ways)
      : way_back::way_back_by_both(by_executor(executor, by), by, ways) {}
};
// What isn't a context's own executor lies apart, so that it doesn't make every operation a cache
// line longer; and is compiled with the pool, for the allocator that nearly all have.
template <any_executor Executor, class Allocator>
class way_back<Executor, Allocator>
    : public way_back_by_both<std::unique_ptr<way_back_by_executor<Executor>>> {
  using by_executor = way_back_by_executor<Executor>;

 public:
  way_back(const Executor& executor, const pool_ways& ways)
      : way_back(executor, home_behind(executor, *ways.all), ways) {}

 private:
  way_back(const Executor& executor, job_home* by, const pool_ways& ways)
      : way_back::way_back_by_both(
            holds_own_executor(executor) ? nullptr : std::make_unique<by_executor>(executor, by),
            by, ways) {}
};
template <any_executor Executor>
class way_back<Executor, cached_allocator<void>>
    : public way_back_by_both<std::unique_ptr<erased_way>> {
 public:
  way_back(const Executor& executor, const pool_ways& ways)
      : way_back(ways.all->expect_behind(executor, ways.look_out)) {}

 private:
  explicit way_back(ways_home::erased way) noexcept
      : way_back::way_back_by_both(std::move(way.on), way.by_inbox) {}
};

template <class Handler, class Fallback>
using handler_way_back =
    way_back<asio::associated_executor_t<Handler, Fallback>, handler_allocator_t<Handler>>;

// Completes with an error for want of an operation that could. Throws if there is no memory for
// this either.
template <class Result, class Handler, class Fallback>
void fail_later(Handler handler, const Fallback& fallback, std::exception_ptr error) {
  const tracked_executor executor(asio::get_associated_executor(handler, fallback));
  post_to(executor.get(), [handler = std::move(handler), error = std::move(error)]() mutable {
    Result result;
    result.fail(std::move(error));
    std::move(result).deliver(std::move(handler));
  });
}

template <class Handler, class Fallback>
[[nodiscard]] handler_way_back<Handler, Fallback> make_way_back(const Handler& handler,
                                                                const Fallback& fallback,
                                                                const pool_ways& ways) {
  return {asio::get_associated_executor(handler, fallback), ways};
}

}  // namespace millrace::detail
