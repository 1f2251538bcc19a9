#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>

#include "millrace/detail/handoff_queue.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/spin_lock.hpp"

namespace millrace::detail {

// Jobs that threads hold back during a turn of their loop, open to every worker that runs dry. A
// thread uses one of a few slots, by its number; threads may share one.
class held_jobs {
 public:
  void append(job& one, std::size_t thread) noexcept {
    slot& mine = slots_[thread % slot_count];
    const std::lock_guard lock(mine.lock);
    if (mine.last == nullptr) {
      mine.first.store(&one);
    } else {
      mine.last->follow_with(&one);
    }
    one.follow_with(nullptr);
    mine.last = &one;
  }

  // What the slot of this thread holds; the caller owns it then.
  [[nodiscard]] job_batch take(std::size_t thread) noexcept {
    return take(slots_[thread % slot_count]);
  }

  // The same for any slot that holds something.
  [[nodiscard]] job_batch take_any() noexcept {
    for (slot& each : slots_) {
      if (each.first.load() != nullptr) {
        if (const job_batch batch = take(each); !batch.empty()) return batch;
      }
    }
    return {};
  }

  [[nodiscard]] bool empty() const noexcept {
    for (const slot& each : slots_) {
      if (each.first.load() != nullptr) return false;
    }
    return true;
  }

 private:
  struct alignas(128) slot {
    spin_lock lock;
    std::atomic<job*> first{nullptr};  // written under the lock
    job* last = nullptr;
  };

  static constexpr std::size_t slot_count = 4;

  static job_batch take(slot& from) noexcept {
    const std::lock_guard lock(from.lock);
    const job_batch all{from.first.load(std::memory_order_relaxed), from.last};
    from.first.store(nullptr, std::memory_order_relaxed);
    from.last = nullptr;
    return all;
  }

  std::array<slot, slot_count> slots_{};
};

}  // namespace millrace::detail
