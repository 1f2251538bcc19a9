#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <utility>

#include "millrace/detail/job.hpp"
#include "millrace/detail/spin_lock.hpp"

namespace millrace::detail {

// Jobs that threads hold back during a turn of their loop, open to every worker that runs dry. A
// thread uses one of a few slots, by its number; threads may share one.
//
// What is held is given on within the slot's lock: whoever has been through all slots knows that no
// job is on its way from here to where it goes.
class held_jobs {
 public:
  // How many the slot holds then.
  std::size_t append(job& one, std::size_t thread) noexcept {
    slot& mine = slots_[thread % slot_count];
    const std::lock_guard lock(mine.lock);
    mine.jobs.append(one);
    ++mine.how_many;
    // Not each time: it is a fence, and who reads true looks behind the lock.
    if (!mine.holds.load(std::memory_order_relaxed)) mine.holds.store(true);
    return mine.how_many;
  }

  // Calls `push(job_batch)` for what the slot of this thread holds, if anything.
  template <class Push>
  bool give(std::size_t thread, Push&& push) noexcept {
    return give(slots_[thread % slot_count], push);
  }

  // The same for any slot that holds something; false if none does.
  template <class Push>
  bool give_any(Push&& push) noexcept {
    for (slot& each : slots_) {
      if (each.holds.load() && give(each, push)) return true;
    }
    return false;
  }

  // The same for all of them.
  template <class Push>
  void give_all(Push&& push) noexcept {
    for (slot& each : slots_) give(each, push);
  }

  [[nodiscard]] bool empty() const noexcept {
    for (const slot& each : slots_) {
      if (each.holds.load()) return false;
    }
    return true;
  }

 private:
  struct alignas(128) slot {
    spin_lock lock;
    std::atomic<bool> holds{false};  // anything: written under the lock
    job_batch jobs;
    std::size_t how_many = 0;
  };

  static constexpr std::size_t slot_count = 4;

  template <class Push>
  static bool give(slot& from, Push& push) noexcept {
    const std::lock_guard lock(from.lock);
    if (from.jobs.empty()) return false;
    from.how_many = 0;
    push(std::exchange(from.jobs, {}));
    from.holds.store(false);  // not before: a slot that looks empty has given all on
    return true;
  }

  std::array<slot, slot_count> slots_{};
};

}  // namespace millrace::detail
