#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>

#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/giving_up.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/worker_frame.hpp"

namespace millrace::detail {

// The pools of this process, so that a context that shuts down can take its jobs out of them: they
// need not run any more, and may lie behind other contexts' jobs that take long.
class live_pools {
 public:
  class member {
   public:
    // Appends the jobs that would come back to `home` and haven't begun; they are the caller's.
    virtual void take_jobs_of(const void* home, job_batch& all) noexcept = 0;

   protected:
    ~member() = default;

   private:
    friend class live_pools;
    member* next_ = nullptr;
    member** before_ = nullptr;  // where this one hangs; null: nowhere
  };

  // Throws std::bad_alloc where it is the first of all.
  static void add(member& one) {
    process_wide& all = registry();
    const std::lock_guard lock(all.mutex);
    one.next_ = all.first;
    if (one.next_ != nullptr) one.next_->before_ = &one.next_;
    one.before_ = &all.first;
    all.first = &one;
  }

  // Does nothing where it isn't in.
  static void remove(member& one) noexcept {
    process_wide& all = registry();
    const std::lock_guard lock(all.mutex);
    if (one.before_ == nullptr) return;
    *one.before_ = one.next_;
    if (one.next_ != nullptr) one.next_->before_ = one.before_;
    one.before_ = nullptr;
  }

  // Drops the jobs that would come back to `home` and that no worker has begun. Ends the program
  // where one of them is running on this thread, for `home` goes on to wait for it.
  static void abandon_jobs_of(const void* home) noexcept {
    refuse_to_wait_for_itself(home);
    job_batch found;
    {
      process_wide& all = registry();
      if (fork_generation() != all.born) return;  // they are the parent's
      const std::lock_guard lock(all.mutex);
      for (member* each = all.first; each != nullptr; each = each->next_) {
        each->take_jobs_of(home, found);
      }
    }
    // Not within the lock: destructors of handlers may do anything. The pools wait for their jobs.
    giving_up::all(home, found, job::end::abandoned);
  }

 private:
  struct process_wide {
    const std::uint32_t born = fork_generation();
    std::mutex mutex;
    member* first = nullptr;
  };

  static void refuse_to_wait_for_itself(const void* home) noexcept {
    frame_of_this_thread().for_each_running([home](job& one) {
      if (one.home() != home) return;
      std::fputs(
          "millrace: an execution context is destroyed by a job whose handler belongs to it, which "
          "would wait for itself\n",
          stderr);
      std::terminate();
    });
  }

  // Never destroyed: a pool or context of static storage may outlive whatever is.
  [[gnu::visibility("default")]] static process_wide& registry() {
    static process_wide& instance = *new process_wide;
    return instance;
  }
};

// Where a context finds the pools that have its jobs. Shared objects with hidden symbols have lists
// of their own, so a context remembers each that an operation of its own has come from.
class pool_lists {
 public:
  // By the code that starts an operation. Any thread.
  void note() noexcept {
    for (std::atomic<list>& each : known_) {
      list seen = each.load(std::memory_order_acquire);
      if (seen == nullptr) each.compare_exchange_strong(seen, own);
      if (seen == nullptr || seen == own) return;
    }
  }

  // See live_pools.
  void abandon_jobs_of(const void* home) noexcept {
    for (std::atomic<list>& each : known_) {
      if (const list one = each.load(std::memory_order_acquire)) one(home);
    }
  }

 private:
  using list = void (*)(const void*) noexcept;
  static constexpr list own = &live_pools::abandon_jobs_of;

  // A context of more shared objects than these waits for the others' jobs instead.
  std::array<std::atomic<list>, 8> known_{};
};

}  // namespace millrace::detail
