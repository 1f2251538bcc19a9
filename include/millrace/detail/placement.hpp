#pragma once

#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/config.hpp"
#include "millrace/detail/cpu_mask.hpp"
#include "millrace/detail/topology.hpp"
#include "millrace/error.hpp"

// Where workers run and how urgent they are. oneTBB shares its threads between arenas, so what a
// pool gives a thread is taken back when that leaves; see decision 0016.
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

// What all pools of the process know together.
struct placements {
  // A thread that is with a pool that places its workers.
  struct visit {
    pid_t thread = 0;             // 0: nobody
    visit** of_thread = nullptr;  // where the thread finds this
    thread_place home;
  };

  std::mutex mutex;                // of all that follows, also of each thread's `current`
  std::atomic<bool> used = false;  // has any pool ever placed its workers?

  // By nice value, from -20: what a thread that comes with it goes back to. A thread inherits it
  // from the one that creates it, which may be a worker. CPUs it doesn't: oneTBB sees to that.
  std::array<int, 40> home_nices = [] {
    std::array<int, 40> own{};
    for (int nice = -20; nice < 20; ++nice) own[static_cast<std::size_t>(nice + 20)] = nice;
    return own;
  }();

  std::vector<int> pinned;          // to each CPU, workers of living pools
  std::vector<int> nices;           // of living pools
  std::optional<int> settled_nice;  // of all threads for good, as they can't be given another

  [[nodiscard]] int& home_nice(int nice) noexcept {
    return home_nices[static_cast<std::size_t>(nice + 20)];
  }

  inline static thread_local visit* current = nullptr;

  // Pools share it, so that a pool that outlives static objects still has it.
  [[nodiscard]] static std::shared_ptr<placements> of_process() {
    static const auto instance = std::make_shared<placements>();
    return instance;
  }
};

// The workers of one pool, while they are in its arena.
class placed_workers {
 public:
  // Throws std::system_error with errc::placement_refused.
  placed_workers(const worker_placement& wanted, int workers)
      : all_(placements::of_process()), places_(wanted.any()) {
    const std::lock_guard lock(all_->mutex);
    const thread_place home =
        placements::current != nullptr ? placements::current->home : thread_place::of(0);
    nice_ = home.nice + wanted.nice;
    admit(wanted, home);
    all_->nices.reserve(all_->nices.size() + 1);
    if (places_) {
      // An arena of one has two slots.
      slots_ = static_cast<std::size_t>(workers) + 1;
      visits_ = std::make_unique<placements::visit[]>(slots_);
      if (wanted.nice != 0) all_->home_nice(nice_) = home.nice;
      cpus_ = wanted.cpus;
      if (wanted.pinned) pin(*wanted.cpus, workers);
      all_->used.store(true, std::memory_order_relaxed);
    }
    all_->nices.push_back(nice_);
  }

  // After the last enter() and leave(). Threads that haven't left are still in the arena, and
  // alive.
  ~placed_workers() {
    const std::lock_guard lock(all_->mutex);
    for (std::size_t slot = 0; slot < slots_; ++slot) {
      placements::visit& one = visits_[slot];
      if (one.thread == 0) continue;
      thread_place::of(one.thread).move(one.thread, one.home);
      *one.of_thread = nullptr;
    }
    for (const int cpu : pinned_) --all_->pinned[static_cast<std::size_t>(cpu)];
    for (int& one : all_->nices) {
      if (one != nice_) continue;
      one = all_->nices.back();
      all_->nices.pop_back();
      break;
    }
  }

  placed_workers(const placed_workers&) = delete;
  placed_workers& operator=(const placed_workers&) = delete;

  // The calling thread takes the arena's slot. It may come with what another pool has given it:
  // from the thread that created it, or because that pool went before it left.
  void enter(int slot) noexcept {
    if (!places_ && !all_->used.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(all_->mutex);
    const thread_place now = thread_place::of(0);
    thread_place home{now.cpus, all_->home_nice(now.nice)};
    if (placements::visit*& before = placements::current) {
      home = before->home;
      before->thread = 0;
      before = nullptr;
    }
    thread_place here = home;
    if (places_) {
      const auto index = static_cast<std::size_t>(slot);
      placements::visit& mine = visits_[index % slots_];
      mine = {::gettid(), &placements::current, home};
      placements::current = &mine;
      if (!pinned_.empty()) {
        here.cpus = cpu_mask();
        here.cpus.add(pinned_[index % pinned_.size()]);
      } else if (cpus_) {
        here.cpus = *cpus_;
      }
      here.nice = nice_;
    }
    // What the constructor tried: it fails only where the system has changed its mind since, by
    // taking a CPU away say, and then the thread runs as it is.
    now.move(0, here);
  }

  // The calling thread gives its slot back.
  void leave() noexcept {
    if (!places_) return;
    const std::lock_guard lock(all_->mutex);
    placements::visit* const mine = std::exchange(placements::current, nullptr);
    if (mine == nullptr) return;
    thread_place::of(0).move(0, mine->home);
    mine->thread = 0;
  }

 private:
  [[noreturn]] static void refuse(const char* field, const std::string& value,
                                  const std::string& why) {
    throw std::system_error(
        make_error_code(errc::placement_refused),
        std::string("millrace::ComputePool: ") + field + " is " + value + ", " + why);
  }

  // Whatever decides it, privileges, limits or a sandbox: a thread tries.
  struct attempt {
    bool cpus = true;
    bool nice = true;
    bool back = true;
  };
  static attempt attempt_of(const thread_place& home, const thread_place& there) {
    attempt tried;
    std::thread([&] {
      tried.cpus = there.cpus == home.cpus || there.cpus.give_to(0);
      if (there.nice == home.nice) return;
      tried.nice = thread_place::give_nice(0, there.nice);
      tried.back = thread_place::give_nice(0, home.nice) && thread_place::give_nice(0, there.nice);
    }).join();
    return tried;
  }

  void admit(const worker_placement& wanted, const thread_place& home) const {
    const std::string nice = std::to_string(wanted.nice);
    const auto refuse_other_than = [&](int value) {
      refuse("nice", nice,
             "must be " + std::to_string(value - home.nice) +
                 ": without CAP_SYS_NICE or RLIMIT_NICE the threads that all pools of this process "
                 "share can't go back from one nice value to another");
    };
    if (nice_ < -20 || nice_ > 19) {
      refuse("nice", nice,
             "must be " + std::to_string(home.nice > 0 ? -20 : -20 - home.nice) + " to " +
                 std::to_string(home.nice < 0 ? 19 : 19 - home.nice) +
                 ", as the pool is made by a thread of nice value " + std::to_string(home.nice));
    }
    if (all_->settled_nice && *all_->settled_nice != nice_) refuse_other_than(*all_->settled_nice);
    if (!wanted.any()) return;

    const attempt tried = attempt_of(home, {wanted.cpus.value_or(home.cpus), nice_});
    if (!tried.cpus) {
      refuse("pin_threads", wanted.pinned ? "true" : "false",
             "but the system lets no thread choose its CPUs: must be false, numa_node -1 and "
             "core_type any");
    }
    if (!tried.nice) {
      refuse("nice", nice, "must be at least 0: less needs CAP_SYS_NICE or RLIMIT_NICE");
    }
    if (!tried.back) {
      for (const int other : all_->nices) {
        if (other != nice_) refuse_other_than(other);
      }
      all_->settled_nice = nice_;
    }
  }

  // One CPU for each worker.
  void pin(const cpu_mask& among, int workers) {
    pinned_.reserve(static_cast<std::size_t>(workers));
    all_->pinned.resize(cpu_mask::most);
    for (int worker = 0; worker < workers; ++worker) {
      const int cpu = least_pinned(among);
      pinned_.push_back(cpu);
      ++all_->pinned[static_cast<std::size_t>(cpu)];
    }
  }
  [[nodiscard]] int least_pinned(const cpu_mask& among) const {
    int least = -1;
    for (int cpu = 0; cpu < cpu_mask::most; ++cpu) {
      if (among.has(cpu) && (least < 0 || all_->pinned[static_cast<std::size_t>(cpu)] <
                                              all_->pinned[static_cast<std::size_t>(least)])) {
        least = cpu;
      }
    }
    return least;
  }

  std::shared_ptr<placements> all_;
  bool places_;
  int nice_ = 0;
  std::optional<cpu_mask> cpus_;  // of all workers, if not of each
  std::vector<int> pinned_;
  std::size_t slots_ = 0;
  std::unique_ptr<placements::visit[]> visits_;
};

}  // namespace millrace::detail
