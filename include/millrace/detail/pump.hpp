#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "millrace/detail/arena.hpp"
#include "millrace/detail/consumers.hpp"
#include "millrace/detail/handoff_queue.hpp"
#include "millrace/detail/held_jobs.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/outstanding.hpp"
#include "millrace/detail/spin_lock.hpp"
#include "millrace/detail/thread_number.hpp"
#include "millrace/detail/turn_scope.hpp"

namespace millrace::detail {

// Moves submitted jobs from the submission queue into the workers.
//
// A worker that has been called in takes one job after the other until nothing is left, looks out
// for more for a little while (`idle_spin`), and leaves the arena. One call brings one worker; each
// worker that takes a job and sees more calls the next one, until all are in. Jobs are never tasks
// of oneTBB, so no worker that waits inside one job can pick up another.
class pump final : private turn_scope::holder {
 public:
  static constexpr std::size_t priorities = 3;

  // `keep` is the pool's count: a called worker keeps the pool alive until it has left.
  pump(arena& workers, int most, std::chrono::nanoseconds idle_spin,
       outstanding_count& keep) noexcept
      : workers_(workers),
        who_(static_cast<std::uint32_t>(most)),
        idle_spin_(idle_spin),
        keep_(keep) {}

  pump(const pump&) = delete;
  pump& operator=(const pump&) = delete;

  // Any thread. 0 is the highest priority. The pool is kept until the job has been performed.
  void submit(job& one, std::size_t priority) noexcept {
    keep_.add();
    if (turn_scope* const turn = turn_scope::current()) {
      if (priority == normal && hold_back(one, *turn)) return;
      if (turn->held_by() == this) push_held();  // first come, first served
    }
    push(job_batch::of(one), priority);
  }

 private:
  static constexpr std::size_t normal = 1;

  // Holds a job back until the end of the turn, if that doesn't make it wait: while every worker is
  // busy, or one of them is looking for work and looks here, too.
  [[nodiscard]] bool hold_back(job& one, turn_scope& turn) noexcept {
    if (!who_.will_look()) return false;
    if (turn.held_by() == nullptr) {
      turn.hold_for(*this);
      keep_.add();
    } else if (turn.held_by() != this) {
      return false;
    }
    held_.append(one, this_thread_number());
    // A worker that left meanwhile may have looked before this was there to be seen.
    if (!who_.will_look()) push_held();
    return true;
  }

  void push_held() noexcept {
    if (const job_batch batch = held_.take(this_thread_number()); !batch.empty()) {
      push(batch, normal);
    }
  }

  void end_of_turn() noexcept override {
    push_held();
    keep_.release();
  }

  void push(job_batch batch, std::size_t priority) noexcept {
    // The jobs may have run, and the pool may be gone, before this returns; but not while it may
    // still have to call a worker.
    bool kept = false;
    const bool first = queue_.push(batch, priority, [&] {
      if (!kept) keep_.add();
      kept = true;
    });
    if (first) call_if_wanted();
    if (kept) keep_.release();
  }

  void call_if_wanted() noexcept {
    if (!who_.want_another()) return;
    keep_.add();
    workers_.call([this] { work(); });
  }

  // On a worker.
  void work() noexcept {
    using ask = handoff_queue<priorities>::ask;
    who_.arrived();
    std::size_t performed = 0;
    for (ask whom = ask::ready_and_stacks;;) {
      const auto next = queue_.take(whom);
      if (next.one != nullptr) {
        if (next.more) call_if_wanted();
        next.one->perform(job::step::run);
        ++performed;
        whom = ask::ready;
      } else {
        // All at once: the submitting threads write this count for each job.
        keep_.release(std::exchange(performed, 0));
        job_streak::of_this_thread().interrupt();
        whom = ask::ready_and_stacks;
        if (look_out() || fetch_held()) continue;
        who_.left();
        if (nothing_left() || !who_.come_back()) break;
      }
    }
    keep_.release();
  }

  [[nodiscard]] bool fetch_held() noexcept {
    const job_batch batch = held_.take_any();
    if (batch.empty()) return false;
    push(batch, normal);
    return true;
  }

  [[nodiscard]] bool nothing_left() noexcept { return queue_.empty() && held_.empty(); }

  // Spins for a while. True if there may be something. The stacks are looked at often, what is held
  // back seldom: each look takes a cache line away from who is just writing to it.
  [[nodiscard]] bool look_out() noexcept {
    if (idle_spin_ == std::chrono::nanoseconds::zero()) return false;
    who_.coming_again();
    bool found = !queue_.looks_empty();
    const auto end = std::chrono::steady_clock::now() + idle_spin_;
    while (!found) {
      for (int i = 0; i < 32 && !found; ++i) {
        spin_pause();
        found = !queue_.looks_empty();
      }
      found = found || fetch_held();
      if (!found && std::chrono::steady_clock::now() >= end) break;
    }
    who_.arrived();
    return found;
  }

  handoff_queue<priorities> queue_;
  held_jobs held_;
  arena& workers_;
  alignas(64) consumers who_;
  const std::chrono::nanoseconds idle_spin_;
  outstanding_count& keep_;
};

}  // namespace millrace::detail
