#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "millrace/detail/job.hpp"
#include "millrace/detail/spin_lock.hpp"

namespace millrace::detail {

// First in, first out, from many threads to many threads, by priority.
//
// Producers push batches onto a stack per priority with one compare-exchange. A consumer that finds
// the ready list of a priority empty takes the whole stack and turns it round, batch by batch; all
// consumers take one job at a time from the ready list, so what one of them has fetched is open to
// the others. Producers and consumers share no cache line but the stack's head.
//
// Above the priorities is one more lane, `urgent`, for what can be neither refused nor bounded. It
// goes first, unless that has kept the others waiting for long.
//
// A job may be taken out of the middle: under the consumers' lock, which is what decides between
// its being taken and being removed.
template <std::size_t Priorities>
class handoff_queue {
 public:
  static constexpr std::size_t urgent = Priorities;

  // True if this made the stack of its priority non-empty: whoever does must see to it that a
  // consumer looks. `before_first` is called before a push that may be such a one can be seen. All
  // jobs of the batch are `queued`.
  template <class BeforeFirst>
  [[nodiscard]] bool push(job_batch batch, std::size_t priority,
                          BeforeFirst&& before_first) noexcept {
    std::atomic<job*>& top = lanes_[priority].top;
    job* below = top.load(std::memory_order_relaxed);
    do {
      if (below == nullptr) before_first();
      batch.first->next_batch = below;
      // seq_cst: what follows, reading who is there, must not be read before this is visible.
    } while (!top.compare_exchange_weak(below, batch.first, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
    return below == nullptr;
  }

  // The same for one job that others may want to remove at the same time: `queued` and where it is
  // change at once.
  template <class BeforeFirst>
  [[nodiscard]] bool push_watched(job& one, std::size_t priority,
                                  BeforeFirst&& before_first) noexcept {
    const std::lock_guard lock(consumers_);
    one.queued = true;
    return push(job_batch::of(one), priority, before_first);
  }

  struct taken {
    job* one = nullptr;
    bool more = false;
  };

  // Who is asked whether there is more than the job that was taken. What lies on a stack is its
  // producer's concern, except for a consumer that has just arrived: the producer may have relied
  // on it to look. Asking the stacks each time would fetch their cache lines for each job.
  enum class ask { ready, ready_and_stacks };

  // The next job in turn, if there is any.
  [[nodiscard]] taken take(ask whom) noexcept {
    const std::lock_guard lock(consumers_);
    taken result;
    if (urgent_in_a_row_ < most_urgent_in_a_row && (result.one = lanes_[urgent].take())) {
      ++urgent_in_a_row_;
    } else {
      urgent_in_a_row_ = 0;
      const std::size_t start = first_in_turn();
      for (std::size_t i = 0; i < Priorities && result.one == nullptr; ++i) {
        result.one = lanes_[(start + i) % Priorities].take();
      }
      if (result.one == nullptr) result.one = lanes_[urgent].take();
    }
    result.more = whom == ask::ready ? has_ready() : !looks_empty();
    return result;
  }

  // Takes out this job, which was pushed with `priority`. False: it has been taken already.
  [[nodiscard]] bool remove(job& one, std::size_t priority) noexcept {
    const std::lock_guard lock(consumers_);
    if (!one.queued) return false;
    lanes_[priority].fetch();
    lanes_[priority].remove(one);
    return true;
  }

  // Takes out all jobs for which `condition(job&)` holds, in order within each priority.
  template <class Condition>
  [[nodiscard]] job_batch remove_all(Condition&& condition) noexcept {
    const std::lock_guard lock(consumers_);
    job_batch found;
    for (lane& each : lanes_) {
      each.fetch();
      job* one = each.ready.load(std::memory_order_relaxed);
      job* later = each.later_batches;
      while (one != nullptr) {
        job* following = one->following();
        if (following == nullptr && later != nullptr) {
          following = later;
          later = later->next_batch;
        }
        if (condition(*one)) {
          each.remove(*one);
          found.append(*one);
        }
        one = following;
      }
    }
    return found;
  }

  // After a consumer has announced that it leaves: is there anything left? Under the lock, so that
  // what another consumer is just fetching counts.
  [[nodiscard]] bool empty() noexcept {
    const std::lock_guard lock(consumers_);
    return looks_empty();
  }

  // The same as a guess, for whoever waits for something to come.
  [[nodiscard]] bool looks_empty() const noexcept {
    for (const lane& each : lanes_) {
      if (each.top.load() != nullptr) return false;
    }
    return !has_ready();
  }

 private:
  // 128 bytes: x86 fetches cache lines in pairs.
  struct alignas(128) lane {
    std::atomic<job*> top{nullptr};
    // The consumers' side, written under their lock: what is left of the batch in hand, and the
    // batches after it, doubly linked. Nothing is ready only if there are no later batches either.
    alignas(64) std::atomic<job*> ready{nullptr};
    job* later_batches = nullptr;
    job* last_batch = nullptr;  // of the later ones, if there are any

    [[nodiscard]] job* take() noexcept {
      job* one = ready.load(std::memory_order_relaxed);
      if (one == nullptr) {
        fetch();
        one = ready.load(std::memory_order_relaxed);
        if (one == nullptr) return nullptr;
      }
      advance(*one);
      if (job* const following = ready.load(std::memory_order_relaxed)) {
        // It comes from another core's cache, for writing, two lines of it at least.
        __builtin_prefetch(following, 1);
        __builtin_prefetch(reinterpret_cast<const char*>(following) + 64, 1);
      }
      one->queued = false;
      one->taken.store(true, std::memory_order_release);
      return one;
    }

    // Takes the stack and turns it round, the oldest batch first, behind what is here.
    void fetch() noexcept {
      if (top.load(std::memory_order_seq_cst) == nullptr) return;
      job* newest = top.exchange(nullptr, std::memory_order_seq_cst);
      job* const last = newest;
      job* oldest = nullptr;
      while (newest != nullptr) {
        job* const below = newest->next_batch;
        newest->next_batch = oldest;
        if (oldest != nullptr) oldest->previous = newest;
        oldest = newest;
        newest = below;
      }
      if (ready.load(std::memory_order_relaxed) == nullptr) {
        later_batches = oldest->next_batch;
        last_batch = last;
        ready.store(oldest, std::memory_order_relaxed);
      } else {
        (later_batches == nullptr ? later_batches : last_batch->next_batch) = oldest;
        oldest->previous = last_batch;
        last_batch = last;
      }
    }

    // `one` is here, or `one` is what is ready.
    void remove(job& one) noexcept {
      job* const after = one.following();
      if (ready.load(std::memory_order_relaxed) == &one) {
        advance(one);
      } else if (later_batches != &one && one.previous->following() == &one) {
        // Inside a batch. Its predecessor is still here, or this would be what is ready.
        one.previous->follow_with(after);
        if (after != nullptr) after->previous = one.previous;
      } else {
        // The first of a later batch.
        job* const instead = after != nullptr ? after : one.next_batch;
        if (after != nullptr) {
          after->next_batch = one.next_batch;
          after->previous = one.previous;
        }
        if (one.next_batch != nullptr) {
          one.next_batch->previous = after != nullptr ? after : one.previous;
        } else {
          last_batch = after != nullptr ? after : one.previous;
        }
        (later_batches == &one ? later_batches : one.previous->next_batch) = instead;
      }
      one.queued = false;
      one.taken.store(true, std::memory_order_release);
    }

   private:
    void advance(job& one) noexcept {
      job* following = one.following();
      if (following == nullptr && later_batches != nullptr) {
        following = later_batches;
        later_batches = following->next_batch;
      }
      ready.store(following, std::memory_order_relaxed);
    }
  };

  [[nodiscard]] bool has_ready() const noexcept {
    for (const lane& each : lanes_) {
      if (each.ready.load(std::memory_order_relaxed) != nullptr) return true;
    }
    return false;
  }

  // Higher priorities go first, but one take in 8 begins below the highest and one in 64 at the
  // lowest, so that nothing waits for ever.
  std::size_t first_in_turn() noexcept {
    if constexpr (Priorities == 1) {
      return 0;
    } else {
      const std::uint32_t turn = ++turns_;
      if (turn % 64 == 0) return Priorities - 1;
      return turn % 8 == 0 ? 1 : 0;
    }
  }

  static constexpr std::uint32_t most_urgent_in_a_row = 64;

  std::array<lane, Priorities + 1> lanes_{};
  alignas(64) spin_lock consumers_;
  std::uint32_t turns_ = 0;
  std::uint32_t urgent_in_a_row_ = 0;
};

}  // namespace millrace::detail
