#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::detail {

// What queues, workers and loops see of an operation. A function pointer instead of a vtable: one
// load less, and no destructor that anybody could call by the base.
class job {
 public:
  enum class step : std::uint8_t {
    run,       // on a worker
    complete,  // on the handler's executor, or on a thread from which to get there
    drop,      // instead of complete: destroy the operation, call nobody
    // Instead of run, one after the other, for a job that is taken out of its queue or never gets
    // into one; any thread. See give_up.
    release,  // leave the pool: runs no code of the user's, and the job is still the caller's
    settle,   // the rest
    home,     // none of these: tell where it will come back to
  };

  // Why a job never ran, and what its operation completes with.
  enum class end : std::uint8_t {
    none,
    cancelled,  // operation_aborted
    expired,    // errc::deadline_exceeded
    refused,    // errc::pool_shut_down
    rejected,   // errc::queue_full
    starved,    // std::bad_alloc
    abandoned,  // nothing: it is dropped
  };

  // Each step but `release` hands the job over: the caller must not touch it afterwards.
  void perform(step which) { act_(*this, which); }

  // The context that the job will come back to, as an address to compare; none: null.
  [[nodiscard]] const void* home() noexcept { return act_(*this, step::home); }

  job(const job&) = delete;
  job& operator=(const job&) = delete;

  // The one after this. Atomic for finished_queue's sake; in the other lists it is read and written
  // by whoever holds the list.
  std::atomic<job*> next{nullptr};
  [[nodiscard]] job* following() const noexcept { return next.load(std::memory_order_relaxed); }
  void follow_with(job* one) noexcept { next.store(one, std::memory_order_relaxed); }

  // For the lists that a job may be taken out of the middle of, see handoff_queue and gate.
  job* previous = nullptr;
  job* next_batch = nullptr;  // of a batch's first job only

  // 0 is the highest. Written before the job is handed over.
  std::uint8_t priority = 0;
  // In which list it is, as written by whoever holds that list.
  bool queued = false;  // in a pump: handed over, and not taken yet
  bool parked = false;  // in a gate: waits for its turn to be handed over
  bool gated = false;   // counted by a gate as pending
  // Somebody may ask for it from any thread while it is handed over.
  bool watched = false;
  // Runs even where its pool has been shut down.
  bool lasting = false;
  // Written before `release`.
  end ended_by = end::none;
  // Nobody will hand it over any more: a worker has it, or whoever gives it up. Written by who
  // takes it, in the lock that it takes it in; read by who looks for it everywhere.
  std::atomic<bool> taken{false};

 protected:
  using function = const void* (*)(job&, step);

  explicit job(function act) noexcept : act_(act) {}
  ~job() = default;

 private:
  function act_;
};

// Jobs one behind the other, with nothing allocated.
struct job_batch {
  job* first = nullptr;
  job* last = nullptr;

  [[nodiscard]] static job_batch of(job& one) noexcept {
    one.follow_with(nullptr);  // it may still name its neighbour of the batch that it came with
    one.previous = nullptr;
    return {&one, &one};
  }

  [[nodiscard]] bool empty() const noexcept { return first == nullptr; }

  void append(job& one) noexcept {
    one.follow_with(nullptr);
    one.previous = last;
    if (first == nullptr) {
      first = &one;
    } else {
      last->follow_with(&one);
    }
    last = &one;
  }

  // `one` is in this batch.
  void remove(job& one) noexcept {
    job* const after = one.following();
    if (first == &one) {
      first = after;
    } else {
      one.previous->follow_with(after);
    }
    if (last == &one) {
      last = one.previous;
    } else {
      after->previous = one.previous;
    }
    if (first == nullptr) last = nullptr;
  }

  // Takes the first; the batch isn't empty.
  [[nodiscard]] job& pop() noexcept {
    job& one = *first;
    first = one.following();
    if (first == nullptr) {
      last = nullptr;
    } else {
      first->previous = nullptr;
    }
    return one;
  }
};

}  // namespace millrace::detail
