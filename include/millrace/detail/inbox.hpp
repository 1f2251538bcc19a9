#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "millrace/detail/consumers.hpp"
#include "millrace/detail/finished_queue.hpp"
#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_home.hpp"
#include "millrace/detail/job_streak.hpp"
#include "millrace/detail/live_pools.hpp"
#include "millrace/detail/look_on.hpp"
#include "millrace/detail/spin_lock.hpp"
#include "millrace/detail/turn_scope.hpp"

namespace millrace::detail {

// Finished jobs on their way to the handlers of one execution context.
//
// Workers publish; the context is asked, by `call`, to run a turn, once per empty -> non-empty
// transition. A turn completes a bounded number of jobs. While it runs one handler and others are
// left, another turn is always on its way: with one thread in run() that is the next turn, with
// several of them another thread takes what this one doesn't get round to.
class inbox : public job_home {
 public:
  // Bound of a turn: timers and sockets get theirs in between.
  static constexpr int most_per_turn = 64;

  // Any thread: an operation that will come back here is about to start. `look_out` is how long the
  // loop may look out for it.
  void expect(std::chrono::nanoseconds look_out) noexcept {
    pools_.note();
    look_on_.lasts(look_out);
    if (kept_shares::take_one(*this)) return;
    // The context is told of the first one only: its own count is one more line that all its
    // threads write.
    std::size_t out = out_.load(std::memory_order_relaxed);
    while (out != 0) {
      if (out_.compare_exchange_weak(out, out + 1, std::memory_order_relaxed)) return;
    }
    const std::lock_guard lock(first_and_last_);
    if (out_.load(std::memory_order_relaxed) == 0) work_started();
    out_.fetch_add(1, std::memory_order_relaxed);
  }

  void received() noexcept override {
    if (!kept_shares::keep_one(*this)) received(1);
  }

  void publish(job& done) noexcept override {
    // Whoever may have to call is counted before others can see the job: close() must not let the
    // inbox go while that call is still to come.
    bool may_call = false;
    const bool due = queue_.push(done, [&] {
      publishers_.fetch_add(1);
      may_call = true;
    });
    if (due) {
      if (who_.want_another()) {
        look_on_.missed();
        call();
        job_streak::of_this_thread().interrupt();
      }
      if (closing_.load()) wake_close();
    }
    if (may_call) publishers_.fetch_sub(1, std::memory_order_release);
  }

  // On one of the context's threads, as asked for by `call`. Throws what a handler throws; the rest
  // is left to the next turn, as it is when a handler has stopped the context.
  void turn() {
    const turn_scope scope;
    at_end leave{*this};
    const kept_shares kept(*this);
    who_.arrived();
    for (; leave.completed < most_per_turn; ++leave.completed) {
      const auto next = queue_.take();
      if (next.one == nullptr) return;
      if (next.more && who_.want_another()) call();
      next.one->perform(job::step::complete);
      if (stopped()) return;
    }
  }

  // When the context shuts down, and runs no more turns: drops the jobs that no worker has begun,
  // waits for the others, and drops them, too.
  void close() noexcept {
    if (fork_generation() != born_) return;  // the parent's workers have them
    closing_.store(true);
    pools_.abandon_jobs_of(id());
    for (;;) {
      while (job* const one = queue_.take().one) one->perform(job::step::drop);
      if (out_.load(std::memory_order_acquire) == 0) break;
      std::unique_lock lock(closing_mutex_);
      published_.wait(lock, [this] { return !queue_.empty(); });
      lock.unlock();
      std::this_thread::yield();  // it may not be linked yet, see finished_queue
    }
    while (publishers_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  }

 protected:
  ~inbox() = default;

 private:
  // Makes the context call `turn` on one of its threads, later. Any thread.
  virtual void call() = 0;

  // Whether the context has been told to run no more handlers.
  [[nodiscard]] virtual bool stopped() const noexcept { return false; }

  // While something is expected the context has work: its run() doesn't return. Called in turn,
  // never twice the same, by one thread at a time.
  virtual void work_started() noexcept = 0;
  virtual void work_finished() noexcept = 0;

  // Shares of operations that a turn on this thread is done with: the next one that a handler
  // starts takes over one of them, and what is left is given back at the end, with one atomic
  // operation.
  class kept_shares {
   public:
    explicit kept_shares(inbox& of) noexcept : of_(of), outer_(std::exchange(current_, this)) {}
    ~kept_shares() {
      current_ = outer_;
      if (how_many_ != 0) of_.received(how_many_);
    }
    kept_shares(const kept_shares&) = delete;
    kept_shares& operator=(const kept_shares&) = delete;

    // False: no turn of that inbox is on this thread.
    [[nodiscard]] static bool keep_one(inbox& of) noexcept {
      if (current_ == nullptr || &current_->of_ != &of) return false;
      ++current_->how_many_;
      return true;
    }
    // False: nor has it one.
    [[nodiscard]] static bool take_one(inbox& of) noexcept {
      if (current_ == nullptr || &current_->of_ != &of || current_->how_many_ == 0) return false;
      --current_->how_many_;
      return true;
    }

   private:
    static inline constinit thread_local kept_shares* current_ = nullptr;

    inbox& of_;
    kept_shares* const outer_;
    std::size_t how_many_ = 0;
  };

  void received(std::size_t shares) noexcept {
    std::size_t out = out_.load(std::memory_order_relaxed);
    while (out != shares) {
      if (out_.compare_exchange_weak(out, out - shares, std::memory_order_release,
                                     std::memory_order_relaxed)) {
        return;
      }
    }
    const std::lock_guard lock(first_and_last_);
    if (out_.fetch_sub(shares, std::memory_order_release) == shares) work_finished();
  }

  struct at_end {
    inbox& self;
    int completed = 0;

    ~at_end() {
      const bool more = self.out_.load(std::memory_order_relaxed) != 0;
      if (self.look_on_.goes_on(completed != 0, more) && self.who_.come_again_alone()) {
        self.call();
        return;
      }
      // Without a last look: any number of turns may be inside, so whoever adds to an empty queue
      // calls one unless one is coming, and what this turn leaves ready it has called one for.
      self.who_.left();
    }
  };

  void wake_close() noexcept {
    const std::lock_guard lock(closing_mutex_);
    published_.notify_one();
  }

  const std::uint32_t born_ = fork_generation();
  pool_lists pools_;
  finished_queue queue_;
  alignas(64) consumers who_{std::numeric_limits<std::uint16_t>::max()};
  std::atomic<std::size_t> publishers_{0};
  std::atomic<bool> closing_{false};
  std::mutex closing_mutex_;
  std::condition_variable published_;
  // Those who start operations and the loop's threads, but no worker.
  alignas(64) std::atomic<std::size_t> out_{0};  // from and to 0 under the lock
  spin_lock first_and_last_;
  look_on<> look_on_;
};

}  // namespace millrace::detail
