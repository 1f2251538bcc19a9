#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "millrace/detail/job.hpp"
#include "millrace/detail/spin_lock.hpp"

namespace millrace::detail {

// Jobs in the order of their submission, with nothing allocated, chained one behind the other.
struct job_batch {
  job* first = nullptr;
  job* last = nullptr;

  [[nodiscard]] static job_batch of(job& one) noexcept {
    one.follow_with(nullptr);  // it may still name its neighbour of the batch that it came with
    return {&one, &one};
  }

  [[nodiscard]] bool empty() const noexcept { return first == nullptr; }

  void append(job& one) noexcept {
    one.follow_with(nullptr);
    if (first == nullptr) {
      first = &one;
    } else {
      last->follow_with(&one);
    }
    last = &one;
  }
};

// First in, first out, from many threads to many threads, by priority.
//
// Producers push batches onto a stack per priority with one compare-exchange. A consumer that finds
// the ready list of a priority empty takes the whole stack and turns it round, batch by batch; all
// consumers take one job at a time from the ready list, so what one of them has fetched is open to
// the others. Producers and consumers share no cache line but the stack's head.
template <std::size_t Priorities>
class handoff_queue {
 public:
  // True if this made the stack of its priority non-empty: whoever does must see to it that a
  // consumer looks. `before_first` is called before a push that may be such a one can be seen.
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
    const std::size_t start = first_in_turn();
    for (std::size_t i = 0; i < Priorities && result.one == nullptr; ++i) {
      result.one = take_from(lanes_[(start + i) % Priorities]);
    }
    result.more = whom == ask::ready ? has_ready() : !looks_empty();
    return result;
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
    // batches after it. Nothing is ready only if there are no later batches either.
    alignas(64) std::atomic<job*> ready{nullptr};
    job* later_batches = nullptr;
  };

  static job* take_from(lane& from) noexcept {
    job* one = from.ready.load(std::memory_order_relaxed);
    if (one == nullptr) {
      one = take_stack(from.top);
      if (one == nullptr) return nullptr;
      from.later_batches = one->next_batch;
    }
    job* following = one->following();
    if (following == nullptr && from.later_batches != nullptr) {
      following = from.later_batches;
      from.later_batches = following->next_batch;
    }
    from.ready.store(following, std::memory_order_relaxed);
    if (following != nullptr) {
      // It comes from another core's cache, for writing, two lines of it at least.
      __builtin_prefetch(following, 1);
      __builtin_prefetch(reinterpret_cast<const char*>(following) + 64, 1);
    }
    return one;
  }

  [[nodiscard]] bool has_ready() const noexcept {
    for (const lane& each : lanes_) {
      if (each.ready.load(std::memory_order_relaxed) != nullptr) return true;
    }
    return false;
  }

  // Takes the stack and turns it round: the oldest batch first.
  static job* take_stack(std::atomic<job*>& top) noexcept {
    if (top.load(std::memory_order_seq_cst) == nullptr) return nullptr;
    job* newest = top.exchange(nullptr, std::memory_order_seq_cst);
    job* oldest = nullptr;
    while (newest != nullptr) {
      job* const below = newest->next_batch;
      newest->next_batch = oldest;
      oldest = newest;
      newest = below;
    }
    return oldest;
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

  std::array<lane, Priorities> lanes_{};
  alignas(64) spin_lock consumers_;
  std::uint32_t turns_ = 0;
};

}  // namespace millrace::detail
