#pragma once

#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "millrace/config.hpp"
#include "millrace/detail/cpu_mask.hpp"
#include "millrace/detail/native_thread.hpp"
#include "millrace/detail/topology.hpp"
#include "millrace/error.hpp"

// Where a pool's threads run and how urgent they are, see decision 0016.
namespace millrace::detail {

// What a pool asks for its workers.
struct worker_placement {
  std::optional<cpu_mask> cpus;  // else those that a thread has
  bool pinned = false;           // one of them for each worker
  int nice = 0;                  // added to that of the thread that makes the pool

  [[nodiscard]] bool any() const noexcept { return cpus.has_value() || nice != 0; }
};

// After validate().
[[nodiscard]] inline worker_placement placement_of(const ComputeConfig& config) {
  worker_placement wanted{.cpus = std::nullopt, .pinned = config.pin_threads, .nice = config.nice};
  if (config.pin_threads || config.numa_node != -1 || config.core_type != CoreType::any) {
    const auto allowed = cpu_mask::of_thread(0).value_or(cpu_mask());
    wanted.cpus = choose_cpus("/", allowed, config.numa_node, config.core_type).cpus;
  }
  return wanted;
}

// What a thread has.
struct thread_place {
  cpu_mask cpus;
  int nice = 0;

  [[nodiscard]] static thread_place of(pid_t thread) noexcept {
    return {cpu_mask::of_thread(thread).value_or(cpu_mask()),
            ::getpriority(PRIO_PROCESS, static_cast<id_t>(thread))};
  }

  // Takes the thread from here to there, as far as the system lets it.
  void move(pid_t thread, const thread_place& there) const noexcept {
    if (cpus != there.cpus) static_cast<void>(there.cpus.give_to(thread));
    if (nice != there.nice) static_cast<void>(give_nice(thread, there.nice));
  }

  // False if the system refuses.
  [[nodiscard]] static bool give_nice(pid_t thread, int nice) noexcept {
    return ::setpriority(PRIO_PROCESS, static_cast<id_t>(thread), nice) == 0;
  }
};

// What all pools of the process know together: to each CPU, the workers of living pools that are
// pinned to it.
struct pinned_workers {
  std::mutex mutex;
  std::vector<int> on_cpu;

  // Never destroyed: a pool of static storage may go last of all.
  [[gnu::visibility("default")]] [[nodiscard]] static pinned_workers& of_process() {
    static pinned_workers& instance = *new pinned_workers;
    return instance;
  }

  // The CPU that has the fewest. Under the lock.
  [[nodiscard]] int least_used(const cpu_mask& among) const {
    int least = -1;
    for (int cpu = 0; cpu < cpu_mask::most; ++cpu) {
      if (among.has(cpu) && (least < 0 || on_cpu[static_cast<std::size_t>(cpu)] <
                                              on_cpu[static_cast<std::size_t>(least)])) {
        least = cpu;
      }
    }
    return least;
  }
};

// The places of one pool's threads.
class worker_places {
 public:
  // Throws std::system_error with errc::placement_refused.
  worker_places(const worker_placement& wanted, int workers)
      : home_(home_of_this_thread() != nullptr ? *home_of_this_thread() : thread_place::of(0)),
        all_{wanted.cpus.value_or(home_.cpus), home_.nice + wanted.nice} {
    admit(wanted);
    if (wanted.pinned) pin(workers);
  }

  ~worker_places() {
    if (pinned_.empty()) return;
    auto& process = pinned_workers::of_process();
    const std::lock_guard lock(process.mutex);
    for (const int cpu : pinned_) --process.on_cpu[static_cast<std::size_t>(cpu)];
  }

  worker_places(const worker_places&) = delete;
  worker_places& operator=(const worker_places&) = delete;

  // The calling thread is new, and has what the thread has that made it. It becomes a worker with
  // this number; -1: any other thread of the pool.
  void take(int worker) const noexcept {
    thread_place here = all_;
    if (worker >= 0 && !pinned_.empty()) {
      here.cpus = cpu_mask();
      here.cpus.add(pinned_[static_cast<std::size_t>(worker)]);
    }
    // What the constructor tried: it fails only where the system has changed its mind since, by
    // taking a CPU away say, and then the thread runs as it is.
    thread_place::of(0).move(0, here);
    home_of_this_thread() = &home_;
  }

 private:
  // On a pool's thread: what the thread had that made the pool. A pool that is made there has it
  // from that one, not from the worker.
  [[nodiscard]] static const thread_place*& home_of_this_thread() noexcept {
    static constinit thread_local const thread_place* home = nullptr;
    return home;
  }

  // A thread of its own: whether the system lets one go from here to there.
  struct attempt {
    const thread_place& from;
    const thread_place& to;
    bool cpus = false;
    bool urgency = false;

    static void* run(void* with) {
      auto& self = *static_cast<attempt*>(with);
      self.cpus = self.to.cpus == self.from.cpus || self.to.cpus.give_to(0);
      self.urgency = self.to.nice == self.from.nice || thread_place::give_nice(0, self.to.nice);
      return nullptr;
    }
  };

  [[noreturn]] static void refuse(const char* field, const std::string& value,
                                  const std::string& why) {
    throw std::system_error(
        make_error_code(errc::placement_refused),
        std::string("millrace::ComputePool: ") + field + " is " + value + ", " + why);
  }

  void admit(const worker_placement& wanted) const {
    const std::string nice = std::to_string(wanted.nice);
    if (all_.nice < -20 || all_.nice > 19) {
      refuse("nice", nice,
             "must be " + std::to_string(home_.nice > 0 ? -20 : -20 - home_.nice) + " to " +
                 std::to_string(home_.nice < 0 ? 19 : 19 - home_.nice) +
                 ", as the pool is made by a thread of nice value " + std::to_string(home_.nice));
    }
    if (!wanted.any()) return;

    // Whatever decides it, privileges, limits or a sandbox: a thread tries.
    attempt tried{.from = home_, .to = all_};
    native_thread another;
    another.start(0, &attempt::run, &tried);
    another.join();
    if (!tried.cpus) {
      refuse("pin_threads", wanted.pinned ? "true" : "false",
             "but the system lets no thread choose its CPUs: must be false, numa_node -1 and "
             "core_type any");
    }
    if (!tried.urgency) {
      refuse("nice", nice, "must be at least 0: less needs CAP_SYS_NICE or RLIMIT_NICE");
    }
  }

  // One CPU for each worker.
  void pin(int workers) {
    pinned_.reserve(static_cast<std::size_t>(workers));
    auto& process = pinned_workers::of_process();
    const std::lock_guard lock(process.mutex);
    process.on_cpu.resize(cpu_mask::most);
    while (pinned_.size() < static_cast<std::size_t>(workers)) {
      const int cpu = process.least_used(all_.cpus);
      pinned_.push_back(cpu);
      ++process.on_cpu[static_cast<std::size_t>(cpu)];
    }
  }

  const thread_place home_;
  const thread_place all_;  // what all have, unless each has a CPU of its own
  std::vector<int> pinned_;
};

}  // namespace millrace::detail
