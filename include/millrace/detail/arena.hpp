#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <type_traits>
#include <utility>

// What of oneTBB every pool needs; parallel.hpp has its loops.
namespace millrace::detail {

// Where one worker forks: an arena of its own, so that nobody meets another job's tasks in it. All
// of its places are reserved for the pool's threads; oneTBB sends none of its own.
class worker_arena {
 public:
  // `places` for threads at once: a worker and all who may help it.
  explicit worker_arena(int places) : arena_(places, static_cast<unsigned>(places)) {}

  // Runs `f` on the calling thread as a member of the arena. Throws std::bad_alloc; what `f` throws
  // goes through.
  template <class F>
  void enter(F&& f) {
    arena_.execute(std::forward<F>(f));
  }

 private:
  oneapi::tbb::task_arena arena_;
};

// The stay of one thread in an arena to help whoever forks there: it takes up what is to be had
// until it is called back, and then what it has begun.
class helping_stay {
 public:
  helping_stay() : group_(context_) {}

  // On the thread that is going to help. Throws std::bad_alloc.
  void begin() {
    held_ = group_.defer([] {});
  }
  // Returns after call_back().
  void help_in(worker_arena& where) {
    where.enter([this] { group_.wait(); });
  }
  // Any thread that oneTBB knows.
  void call_back() noexcept { held_ = {}; }

 private:
  oneapi::tbb::task_group_context context_{oneapi::tbb::task_group_context::isolated};
  oneapi::tbb::task_group group_;
  oneapi::tbb::task_handle held_;
};

// Runs `f` on the calling thread as a task of its own, so that a wait inside it, of a parallel_for
// say, takes up nothing but the work that `f` itself has spawned, and what `f` cancels outside of
// any algorithm is itself and no other job. What it throws goes through.
template <class F>
void isolated(F&& f) {
  oneapi::tbb::this_task_arena::isolate([&] {
    oneapi::tbb::task_group_context own(oneapi::tbb::task_group_context::isolated);
    oneapi::tbb::task_group(own).run_and_wait([&] { f(); });
  });
}

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
