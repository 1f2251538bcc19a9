#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "millrace/detail/job.hpp"

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
  };

  // Throws std::bad_alloc.
  static void add(member& one) {
    process_wide& all = registry();
    const std::lock_guard lock(all.mutex);
    all.members.push_back(&one);
  }

  static void remove(member& one) noexcept {
    process_wide& all = registry();
    const std::lock_guard lock(all.mutex);
    std::erase(all.members, &one);
  }

  // Drops the jobs that would come back to `home` and that no worker has begun.
  static void abandon_jobs_of(const void* home) noexcept {
    job_batch found;
    {
      process_wide& all = registry();
      const std::lock_guard lock(all.mutex);
      for (member* const each : all.members) each->take_jobs_of(home, found);
    }
    // Not within the lock: destructors of handlers may do anything. The pools wait for their jobs.
    while (!found.empty()) found.pop().perform(job::step::abandon);
  }

 private:
  struct process_wide {
    std::mutex mutex;
    std::vector<member*> members;
  };

  // Never destroyed: a pool or context of static storage may outlive whatever is.
  static process_wide& registry() {
    static process_wide& instance = *std::make_unique<process_wide>().release();
    return instance;
  }
};

}  // namespace millrace::detail
