#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/task_scheduler_observer.h>
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "millrace/detail/event.hpp"
#include "millrace/detail/placement.hpp"
#include "millrace/detail/worker_frame.hpp"
#include "millrace/error.hpp"

// The one file that names oneTBB.
namespace millrace::detail {

// oneTBB lets a process have "number of CPUs - 1" workers unless a global_control says otherwise,
// and of all live controls the smallest wins. Pools therefore share one control that allows the sum
// of their workers; each pool holds its share for as long as it lives.
class worker_share {
 public:
  // Throws errc::worker_limit if somebody else's control allows fewer.
  explicit worker_share(int workers) : workers_(workers) {
    auto& all = registry();
    const std::lock_guard lock(all.mutex);
    all.allow(all.workers + workers);
    const auto allowed = control::active_value(control::max_allowed_parallelism);
    const auto wanted = static_cast<std::size_t>(all.workers) + 1;
    if (allowed < wanted) {
      all.allow_less(workers);
      throw std::system_error(
          make_error_code(errc::worker_limit),
          "millrace::ComputePool: threads is " + std::to_string(workers) +
              ", but a tbb::global_control of this process sets max_allowed_parallelism to " +
              std::to_string(allowed) + "; it must be at least " + std::to_string(wanted) +
              " (the workers of all pools + 1)");
    }
  }

  ~worker_share() {
    auto& all = registry();
    const std::lock_guard lock(all.mutex);
    all.allow_less(workers_);
  }

  worker_share(const worker_share&) = delete;
  worker_share& operator=(const worker_share&) = delete;

 private:
  using control = oneapi::tbb::global_control;

  struct process_wide {
    std::mutex mutex;
    int workers = 0;
    std::unique_ptr<control> limit;

    // The new control is made before the old one goes: without any, the limit would fall back to
    // the number of CPUs for a moment and workers would leave their arenas.
    void allow(int total) {
      auto next = total == 0 ? nullptr
                             : std::make_unique<control>(control::max_allowed_parallelism,
                                                         static_cast<std::size_t>(total) + 1);
      limit = std::move(next);
      workers = total;
    }

    // Where there is no memory for a lower limit the higher one does no harm.
    void allow_less(int fewer) noexcept {
      try {
        allow(workers - fewer);
      } catch (const std::bad_alloc&) {
        workers -= fewer;
      }
    }
  };

  static process_wide& registry() {
    static process_wide instance;
    return instance;
  }

  int workers_;
};

// Names and places each thread that enters the arena and notes there which pool it works for.
class worker_observer final : public oneapi::tbb::task_scheduler_observer {
 public:
  worker_observer(oneapi::tbb::task_arena& arena, pool_id pool, int workers,
                  std::string thread_name, const worker_placement& placement)
      : task_scheduler_observer(arena),
        pool_(pool),
        workers_(workers),
        thread_name_(std::move(thread_name)),
        placed_(placement, workers) {
    observe(true);
  }
  // No callback runs after this, although threads may still be in the arena: `placed_` sends them
  // home.
  ~worker_observer() override { observe(false); }

  void on_scheduler_entry(bool /*is_worker*/) override {
    this_worker.pool = pool_;
    // An arena of one has two slots, of which its worker may take either.
    const int slot = oneapi::tbb::this_task_arena::current_thread_index();
    const int index = slot % workers_;
    // Can't fail: ComputeConfig::validate has measured the longest name.
    ::pthread_setname_np(::pthread_self(), (thread_name_ + '-' + std::to_string(index)).c_str());
    placed_.enter(slot);
  }

  void on_scheduler_exit(bool /*is_worker*/) override {
    this_worker.pool = no_pool;
    placed_.leave();
  }

 private:
  pool_id pool_;
  int workers_;
  std::string thread_name_;
  placed_workers placed_;
};

// The workers of one pool.
class arena {
 public:
  // Throws std::system_error with errc::worker_limit, stack_size_fixed or placement_refused.
  arena(int workers, std::size_t stack_size, const std::string& thread_name,
        const worker_placement& placement = {})
      : share_(workers),
        stack_(make_stack(stack_size)),
        // No reserved slot: of (n, 1), oneTBB's default, enqueued work would get n - 1 workers.
        arena_(workers, 0),
        // An observer of an arena that can't be set up fails in its destructor.
        observer_((arena_.initialize(), arena_), id_, workers, thread_name, placement) {
    if (stack_size != 0) check_stack(stack_size);
  }

  [[nodiscard]] pool_id id() const noexcept { return id_; }

  // Calls in one worker, which runs `errand`, a small noexcept callable. Enqueued tasks are taken
  // by workers that have nothing else on their stack, never by one that waits inside a job.
  template <class Errand>
  void call(Errand errand) {
    arena_.enqueue(std::move(errand));
  }

  // Runs `f` on the calling worker so that a wait inside it, of a parallel_for say, takes up
  // nothing but the work that `f` itself has spawned.
  template <class F>
  static void isolate(F&& f) {
    oneapi::tbb::this_task_arena::isolate(std::forward<F>(f));
  }

 private:
  using control = oneapi::tbb::global_control;

  static std::unique_ptr<control> make_stack(std::size_t size) {
    return size == 0 ? nullptr : std::make_unique<control>(control::thread_stack_size, size);
  }

  // The size is read once, when oneTBB makes its first thread, which may have been before this
  // pool: ask a worker what it really has.
  void check_stack(std::size_t wanted) {
    std::size_t has = 0;
    event measured;
    arena_.enqueue([&] {
      pthread_attr_t attributes;
      if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
        ::pthread_attr_getstacksize(&attributes, &has);
        ::pthread_attr_destroy(&attributes);
      }
      measured.set();
    });
    measured.wait();
    if (has < wanted) {
      throw std::system_error(make_error_code(errc::stack_size_fixed),
                              "millrace::ComputePool: stack_size is " + std::to_string(wanted) +
                                  ", but the workers were made with " + std::to_string(has) +
                                  " bytes; make the pool with the largest stack first");
    }
  }

  static pool_id next_id() noexcept {
    static std::atomic<pool_id> last{no_pool};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  pool_id id_ = next_id();
  worker_share share_;
  std::unique_ptr<control> stack_;  // before the arena: oneTBB reads it when that is made
  oneapi::tbb::task_arena arena_;
  worker_observer observer_;
};

// Children of one fork-join region; going, it waits for them.
class fork_group {
 public:
  fork_group() = default;
  ~fork_group() { wait(); }

  // `child` must not throw: oneTBB would cancel its siblings. Throws std::bad_alloc.
  template <class F>
  void run(F&& child) {
    try {
      group_.run(task<std::decay_t<F>>{std::forward<F>(child)});
    } catch (...) {
      group_.one_never_came(group_);
      throw;
    }
  }

  // Helps with the children until the last has ended.
  void wait() { group_.wait(); }

 private:
  // oneTBB keeps what it is given as const, and calls it once.
  template <class F>
  struct task {
    mutable F f;
    void operator()() const { f(); }
  };

  // oneTBB 2021 counts a child before it allocates it, and would wait for one that never came.
  // Later ones have no such member.
  class counted_group final : public oneapi::tbb::task_group {
   public:
    template <class Group>
    static void one_never_came(Group& group) {
      if constexpr (requires { group.m_wait_ctx.release(); }) group.m_wait_ctx.release();
    }
  };

  counted_group group_;
};

}  // namespace millrace::detail
