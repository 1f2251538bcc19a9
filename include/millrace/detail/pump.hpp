#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "millrace/detail/consumers.hpp"
#include "millrace/detail/giving_up.hpp"
#include "millrace/detail/handoff_queue.hpp"
#include "millrace/detail/held_jobs.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/look_out.hpp"
#include "millrace/detail/outstanding.hpp"
#include "millrace/detail/spin_lock.hpp"
#include "millrace/detail/thread_number.hpp"
#include "millrace/detail/turn_scope.hpp"
#include "millrace/detail/workers.hpp"

namespace millrace::detail {

// Moves submitted jobs from the submission queue into the workers.
//
// A worker that has been called in takes one job after the other until nothing is left, looks out
// for more for a little while (`idle_spin`), and goes to sleep. One call brings one worker; each
// worker that takes a job and sees more calls the next one, until all are in. Jobs are never tasks
// of oneTBB, so no worker that waits inside one job can pick up another.
//
// `Workers` is `workers` with any errand that ends in `work`.
template <class Workers>
class pump final : private turn_scope::holder {
 public:
  static constexpr std::size_t priorities = 3;
  using queue = handoff_queue<priorities>;

  // `keep` is the pool's count: it holds the pool for each job that was submitted, until a worker
  // has run it.
  pump(Workers& threads, pool_id whose, std::chrono::nanoseconds idle_spin,
       outstanding_count& keep) noexcept
      : workers_(threads),
        who_(threads.on_call()),
        whose_(whose),
        idle_spin_(idle_spin),
        keep_(keep) {}

  pump(const pump&) = delete;
  pump& operator=(const pump&) = delete;

  // Any thread. The job is counted; the worker that has run it says that it has ended.
  void submit(job& one) noexcept {
    if (turn_scope* const turn = turn_scope::current()) {
      if (one.priority == normal && !one.watched && hold_back(one, *turn)) return;
      if (turn->held_by() == this) push_held();  // first come, first served
    }
    pushed(*this).submit(one);
  }

  // What is left to do after jobs were pushed, at the end of its life and outside of any lock.
  class pushed {
    // The jobs may have run, and the pool may be gone, before a push returns; but not while this
    // may still have to call a worker.
    auto keep() noexcept {
      return [this] {
        if (!kept_) self_.keep_.add();
        kept_ = true;
      };
    }

   public:
    explicit pushed(pump& to) noexcept : self_(to) {}
    ~pushed() {
      if (first_) self_.call_if_wanted();
      if (kept_) self_.keep_.release();
    }
    pushed(const pushed&) = delete;
    pushed& operator=(const pushed&) = delete;

    // Pushes, whatever turn it is.
    void submit(job& one) noexcept {
      bool first = false;
      if (one.watched) {
        first = self_.queue_.push_watched(one, one.priority, keep());
      } else {
        one.queued = true;
        first = self_.queue_.push(job_batch::of(one), one.priority, keep());
      }
      first_ = first_ || first;
    }

    // What was held back, and is queued already.
    void operator()(job_batch held) noexcept {
      const bool first = self_.queue_.push(held, normal, keep());
      first_ = first_ || first;
    }

   private:
    pump& self_;
    bool first_ = false;
    bool kept_ = false;
  };

  // Any thread. Takes out a job that was submitted and that no worker has taken: it is the caller's
  // then, and so is its count.
  [[nodiscard]] bool remove(job& one) noexcept {
    push_all_held();
    return queue_.remove(one, one.priority);
  }

  // The same for all jobs for which `condition(job&)` holds.
  template <class Condition>
  [[nodiscard]] job_batch remove_all(Condition&& condition) noexcept {
    push_all_held();
    return queue_.remove_all(condition);
  }

  // From here on no turn keeps the pool, nor what it holds back for it.
  void revoke_leases() noexcept {
    unsigned revoked = 0;
    {
      const std::lock_guard lock(leases_lock_);
      revoked = leases_.revoke_all(*this);
    }
    push_all_held();
    while (revoked-- != 0) keep_.release();
  }

  // On a worker that was called.
  void work() noexcept {
    using ask = typename queue::ask;
    workers_.came();
    who_.arrived();
    std::uint64_t performed = 0;
    for (ask whom = ask::ready_and_stacks;;) {
      const auto next = queue_.take(whom);
      if (next.one != nullptr) {
        if (next.more) call_if_wanted();
        next.one->perform(job::step::run);
        if (++performed == most_untold) keep_.jobs_ended(std::exchange(performed, 0));
        whom = ask::ready;
      } else {
        // All at once: the submitting threads write this count for each job.
        if (performed != 0) keep_.jobs_ended(std::exchange(performed, 0));
        job_streak::of_this_thread().interrupt();
        whom = ask::ready_and_stacks;
        if (look_out() || fetch_held()) continue;
        who_.left();
        if (nothing_left() || !who_.come_back()) break;
        workers_.came();
      }
    }
    workers_.left();
  }

 private:
  static constexpr std::uint8_t normal = 1;
  // Half of a loop's turn, so that with one turn's worth of jobs in flight the workers have
  // something to do while the loop goes on.
  static constexpr std::size_t most_held = 32;
  // A worker that never runs dry tells of its jobs all the same: the count has 32 bits for them.
  static constexpr std::uint64_t most_untold = std::uint64_t{1} << 20;

  void push_held() noexcept { held_.give(this_thread_number(), pushed(*this)); }
  void push_all_held() noexcept {
    if (!held_.empty()) held_.give_all(pushed(*this));
  }
  [[nodiscard]] bool fetch_held() noexcept { return held_.give_any(pushed(*this)); }

  // Holds a job back until the end of the turn, if that doesn't make it wait: while every worker is
  // busy, or one of them is looking for work and looks here, too.
  [[nodiscard]] bool hold_back(job& one, turn_scope& turn) noexcept {
    if (!who_.will_look()) return false;
    if (turn.held_by() == nullptr) {
      keep_.add();
      const std::lock_guard lock(leases_lock_);
      leases_.add(turn, *this);
    } else if (turn.held_by() != this) {
      return false;
    }
    one.queued = true;
    const std::size_t held = held_.append(one, this_thread_number());
    // A worker that left meanwhile may have looked before this was there to be seen.
    if (held == most_held || !who_.will_look()) push_held();
    return true;
  }

  void end_of_turn(turn_scope& turn) noexcept override {
    {
      const std::lock_guard lock(leases_lock_);
      leases_.remove(turn);
    }
    push_held();
    keep_.release();
  }

  void call_if_wanted() noexcept {
    if (!who_.want_another()) return;
    try {
      workers_.call();
    } catch (...) {  // the system gives no thread
      const bool alone = who_.never_came();
      workers_.left();  // helpers that made room for it may be wanted again
      if (alone) starve();
    }
  }

  // Nobody is there to run what is queued, and nobody can be called.
  void starve() noexcept {
    static thread_local bool at_it = false;  // what starves lets others in, who may starve, too
    if (std::exchange(at_it, true)) return;
    for (;;) {
      job_batch all = remove_all([](job&) { return true; });
      if (all.empty()) break;
      giving_up::all(whose_, all, job::end::starved);
    }
    at_it = false;
  }

  [[nodiscard]] bool nothing_left() noexcept { return queue_.empty() && held_.empty(); }

  // Spins for a while. True if there may be something. The stacks are looked at often, what is held
  // back seldom: each look takes a cache line away from who is just writing to it, and what it
  // finds is less than the turn would push at its end.
  [[nodiscard]] bool look_out() noexcept {
    using how = look_out_habit::how;
    if (idle_spin_ == std::chrono::nanoseconds::zero()) return false;
    const how way = habit_.now();
    if (way == how::not_at_all) return false;
    who_.coming_again();
    bool found = !queue_.looks_empty();
    const auto begin = std::chrono::steady_clock::now();
    const auto most = look_out_habit::time_of(way, idle_spin_);
    auto taken = std::chrono::nanoseconds::zero();
    while (!found) {
      for (int i = 0; i < 64 && !found; ++i) {
        spin_pause();
        found = !queue_.looks_empty();
      }
      found = found || fetch_held();
      taken = std::chrono::steady_clock::now() - begin;
      if (!found && taken >= most) break;
    }
    who_.arrived();
    if (found) {
      using when = look_out_habit::when;
      habit_.succeeded(taken > idle_spin_ ? when::late : when::soon);
    } else {
      habit_.in_vain();
    }
    return found;
  }

  queue queue_;
  held_jobs held_;
  spin_lock leases_lock_;
  turn_scope::list leases_;
  Workers& workers_;
  consumers& who_;
  const pool_id whose_;
  const std::chrono::nanoseconds idle_spin_;
  look_out_habit habit_;
  outstanding_count& keep_;
};

}  // namespace millrace::detail
