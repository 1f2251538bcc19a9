#pragma once

#include <array>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/adaptive_policy.hpp"
#include "millrace/concepts.hpp"
#include "millrace/detail/inline_op.hpp"
#include "millrace/detail/loop_round.hpp"
#include "millrace/detail/refusals.hpp"
#include "millrace/detail/timed_call.hpp"
#include "millrace/io_threads.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// The state of a callable type, for the whole process. Made before main, never destroyed.
template <class State, class F>
inline constinit State state_of_type;

// The states of labels, found by the labels' hash: two labels with the same one would learn
// together, which harms nobody.
template <class State>
class states_of_labels {
 public:
  static constexpr std::size_t most = 64;

  // Null if there is no room.
  [[nodiscard]] State* of(std::string_view label) noexcept {
    const std::size_t hash = std::hash<std::string_view>()(label);
    const std::size_t key = hash == nobody ? 1 : hash;
    for (std::size_t i = 0; i < most; ++i) {
      entry& at = all_[(key + i) % most];
      std::size_t whose = at.key.load(std::memory_order_relaxed);
      if (whose == nobody && at.key.compare_exchange_strong(whose, key)) return &at.state;
      if (whose == key) return &at.state;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t nobody = 0;

  struct entry {
    std::atomic<std::size_t> key{nobody};
    State state;
  };

  std::array<entry, most> all_;
};
template <class State>
inline constinit states_of_labels<State> label_states;

template <class State, class F>
[[nodiscard]] State& state_for(std::string_view label) noexcept {
  State* const found = label.empty() ? nullptr : label_states<State>.of(label);
  return found != nullptr ? *found : state_of_type<State, F>;
}

// A job on the pool: counted while it is out, recorded if it has run and is to be measured.
template <class State>
class pool_trip {
 public:
  using clock = typename State::clock;

  pool_trip(State& state, bool measured)
      : state_(state),
        measured_(measured),
        since_(measured ? clock::now() : typename clock::time_point()),
        out_first_(state.out.fetch_add(1, std::memory_order_relaxed) + 1) {}
  pool_trip(const pool_trip&) = delete;
  pool_trip& operator=(const pool_trip&) = delete;

  ~pool_trip() {
    const int out_last = state_.out.fetch_sub(1, std::memory_order_relaxed);
    if (ran.count() < 0) return;
    const auto whole = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - since_);
    state_.policy.record({Place::pool, ran, whole, static_cast<float>(out_first_ + out_last) / 2});
  }

  [[nodiscard]] bool measured() const noexcept { return measured_; }

  std::chrono::nanoseconds ran{-1};  // written by the worker, before the completion

 private:
  State& state_;
  const bool measured_;
  const typename clock::time_point since_;
  const int out_first_;
};

// Runs the job on this thread.
template <class State, class F>
[[nodiscard]] auto run_here(State& state, loop_round<typename State::clock>& round,
                            const AdaptiveDecision& decision, std::chrono::nanoseconds& ran, F& f) {
  using clock = typename State::clock;
  ran = decision.expected;
  if (decision.measure == Measure::no) return run_now(f);
  const auto since = clock::now();
  if (!round.in_doubt(since) && decision.measure == Measure::in_doubt) return run_now(f);
  auto result = run_now(f);
  const auto end = clock::now();
  round.seen(end);
  ran = std::chrono::duration_cast<std::chrono::nanoseconds>(end - since);
  if (ran <= round.doubtful || round.had_its_core_for(ran)) {
    state.policy.record({decision.place, ran});
  }
  return result;
}

template <class State>
[[nodiscard]] AdaptiveDecision decide(State& state, loop_round<typename State::clock>& round,
                                      const InlinePermits& permits) noexcept {
  return state.policy.decide(AdaptiveSituation{permits.io_threads(), round.late()});
}

// The permit for a decision. False: it needs one and there is none, so the pool it is.
[[nodiscard]] inline bool permitted(InlinePermits& permits, Place place,
                                    std::optional<InlinePermits::Permit>& permit) noexcept {
  if (place != Place::here_with_permit) return place == Place::here;
  permit.emplace(permits.try_acquire());
  return static_cast<bool>(*permit);
}

[[nodiscard]] inline bool may_begin_here() noexcept {
  return true;
}
[[nodiscard]] inline bool may_begin_here(const JobOptions& options) noexcept {
  return options.deadline == JobOptions::never ||
         std::chrono::steady_clock::now() < options.deadline;
}

// The job, in what lets it go as soon as it has run.
template <Job F>
[[nodiscard]] std::optional<std::decay_t<F>> kept_adaptively(F&& f) {
  check_job<asio::use_awaitable_t<>, F>();
  return std::optional<std::decay_t<F>>(std::in_place, std::forward<F>(f));
}

// Options: JobOptions or nothing.
template <class R, class Pool, class State, class F, class... Options>
asio::awaitable<R> await_adaptively(Pool& pool, State& state, std::optional<F> f,
                                    Options... options) {
  using round = loop_round<typename State::clock>;
  InlinePermits& permits = inline_permits(pool);
  round& own = round::of_this_thread();
  const AdaptiveDecision decision = decide(state, own, permits);
  std::optional<InlinePermits::Permit> permit;
  if (own.has_room_for(decision.expected) && permitted(permits, decision.place, permit) &&
      may_begin_here(options...)) {
    std::chrono::nanoseconds ran{};
    auto result = run_here(state, own, decision, ran, *f);
    f.reset();
    permit.reset();
    if (own.spend(ran)) {
      const auto place = own.stand_in_line();
      co_await asio::post(asio::use_awaitable);
      round::of_this_thread().came_back(place);
    }
    co_return std::move(result).get();
  }
  permit.reset();
  pool_trip<State> trip(state, decision.measure == Measure::yes);
  if (trip.measured()) {
    const auto report = [&trip](std::chrono::nanoseconds ran) noexcept { trip.ran = ran; };
    timed_call<F, typename State::clock, std::remove_const_t<decltype(report)>> job(std::move(*f),
                                                                                    report);
    f.reset();
    co_return co_await pool.execute(options..., std::move(job));
  }
  co_return co_await pool.execute(options..., *std::move(f));
}

}  // namespace millrace::detail
