#pragma once

#include <atomic>
#include <mutex>

#include "millrace/detail/job.hpp"
#include "millrace/detail/spin_lock.hpp"

namespace millrace::detail {

// Finished jobs, first in, first out, from many threads to many threads, with nothing allocated.
//
// A linked list in the order of taking, so that a consumer can fetch the next job from the other
// core's cache while a handler runs; a stack must be turned round first, one cache miss after the
// other (docs/decisions/0008). Producers link themselves to its end with one exchange of the tail.
//
// A producer that loses its core between that exchange and the link behind it hides its own job and
// later ones until it goes on. Consumers don't wait for it: they leave a mark in the link's place,
// and the producer that finds the mark must see to it that somebody looks.
class finished_queue {
 public:
  // True if a consumer must be made to look: this was the first of an empty queue, or a consumer
  // went away because of the missing link. `before_due` is called before others can see the job in
  // such a case.
  template <class BeforeDue>
  [[nodiscard]] bool push(job& one, BeforeDue&& before_due) noexcept {
    one.next.store(nullptr, std::memory_order_relaxed);
    job* before = tail_.load(std::memory_order_relaxed);
    bool due = false;
    do {
      if (before == nullptr && !due) before_due();
      due = due || before == nullptr;
    } while (!tail_.compare_exchange_weak(before, &one, std::memory_order_seq_cst,
                                          std::memory_order_relaxed));
    // seq_cst: what follows, reading who is there, must not be read before the job is visible.
    if (before == nullptr) {
      head_.store(&one, std::memory_order_seq_cst);
      return true;
    }
    job* none = nullptr;
    if (before->next.compare_exchange_strong(none, &one, std::memory_order_seq_cst)) return false;
    if (!due) before_due();
    before->next.store(&one, std::memory_order_seq_cst);
    return true;
  }

  struct taken {
    job* one = nullptr;
    bool more = false;
  };

  // The oldest job, if there is one with its link in place.
  [[nodiscard]] taken take() noexcept {
    const std::lock_guard lock(consumers_);
    job* const one = head_.load(std::memory_order_seq_cst);
    if (one == nullptr) return {};
    job* next = one->next.load(std::memory_order_seq_cst);
    if (next == nullptr) {
      // Before the tail: whoever finds the queue empty after this writes the head.
      head_.store(nullptr, std::memory_order_relaxed);
      job* last = one;
      if (tail_.compare_exchange_strong(last, nullptr, std::memory_order_seq_cst)) {
        return {one, false};
      }
      head_.store(one, std::memory_order_relaxed);
      one->next.compare_exchange_strong(next, &mark_, std::memory_order_seq_cst);
    }
    if (next == nullptr || next == &mark_) return {};
    head_.store(next, std::memory_order_relaxed);
    // It comes from another core's cache, for writing, two lines of it at least.
    __builtin_prefetch(next, 1);
    __builtin_prefetch(reinterpret_cast<const char*>(next) + 64, 1);
    return {one, true};
  }

  // A guess, unless no producer is about.
  [[nodiscard]] bool empty() const noexcept { return tail_.load() == nullptr; }

 private:
  class no_job final : public job {
   public:
    no_job() noexcept : job([](job&, step) -> const void* { return nullptr; }) {}
  };

  alignas(64) std::atomic<job*> tail_{nullptr};
  alignas(64) spin_lock consumers_;
  std::atomic<job*> head_{nullptr};  // written under the lock, or while the queue is empty
  no_job mark_;
};

}  // namespace millrace::detail
