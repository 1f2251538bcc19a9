#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

#include "millrace/detail/native_thread.hpp"
#include "millrace/detail/owned.hpp"

namespace millrace::detail {

// Threads that sleep until they are called, each started by the first call that needs it. One call
// brings one of them, the one that has slept for the shortest time: its caches are the warmest.
// tests/model/crew.pml has the protocol.
class crew {
 public:
  // What a thread hands itself over to: works each time that it is called, until the crew stops.
  class shifts;

  class duty {
   public:
    // All that the thread number `index` ever does: whatever goes before and after `all()`.
    virtual void live(std::size_t index, shifts all) noexcept = 0;
    // Each time that the thread was called.
    virtual void work(std::size_t index) noexcept = 0;

   protected:
    ~duty() = default;
  };

 private:
  struct member;

 public:
  // Throws std::bad_alloc.
  crew(duty& what, std::size_t most, std::size_t stack_size)
      : duty_(what), most_(most), stack_size_(stack_size), members_(new member[most]) {}

  // After stop(), or in a forked child, which has none of the threads.
  ~crew() = default;
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  // Any thread. Calls one that isn't at work; there is one, or one is about to be. Throws
  // std::system_error if the first of all must be started and can't.
  void call() {
    member* one = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (asleep_ != nullptr) {
        one = asleep_;
        asleep_ = one->below;
      } else if (started_ < most_) {
        member& next = members_[started_];
        next.all = this;
        try {
          next.thread.start(stack_size_, &crew::run, &next);
        } catch (...) {
          if (started_ == 0) throw;
          ++called_ahead_;  // those that there are have the work of two then
          return;
        }
        ++started_;
        return;
      } else {
        ++called_ahead_;
        return;
      }
    }
    one->wake(called);
  }

  // Lets all of them end, and waits for that. Calls that come later do nothing.
  void stop() noexcept {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    for (std::size_t i = 0; i < started_; ++i) members_[i].wake(dismissed);
    for (std::size_t i = 0; i < started_; ++i) members_[i].thread.join();
  }

  // In a forked child: what the threads would have held stays as it is.
  void abandon() noexcept { static_cast<void>(members_.release()); }

  class shifts {
   public:
    explicit shifts(member& whose) noexcept : whose_(whose) {}
    void operator()() const noexcept {
      crew& all = *whose_.all;
      const auto index = static_cast<std::size_t>(&whose_ - all.members_.get());
      do {
        all.duty_.work(index);
      } while (all.sleep(whose_));
    }

   private:
    member& whose_;
  };

 private:
  // What a thread sleeps at: nobody has called it yet; it is called; it is to end.
  enum state : int { uncalled, called, dismissed };

  // A cache line each: a thread that wakes up must not slow down another one.
  struct alignas(64) member {
    crew* all = nullptr;
    member* below = nullptr;  // of those asleep
    native_thread thread;
    // Not an atomic's wait(), which yields before it sleeps: the system takes that for a wish to
    // come later, and lets the thread wait behind others when it is called.
    std::mutex mutex;
    std::condition_variable changed;
    state told = uncalled;

    void wake(state with) noexcept {
      {
        const std::lock_guard lock(mutex);
        told = with;
      }
      changed.notify_one();
    }
    [[nodiscard]] state wait() noexcept {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return told != uncalled; });
      return std::exchange(told, uncalled);
    }
  };

  static void* run(void* which) noexcept {
    member& self = *static_cast<member*>(which);
    crew& all = *self.all;
    all.duty_.live(static_cast<std::size_t>(&self - all.members_.get()), shifts(self));
    return nullptr;
  }

  // False: the thread is to end.
  [[nodiscard]] bool sleep(member& one) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
      if (called_ahead_ != 0) {
        --called_ahead_;
        return true;
      }
      one.below = asleep_;
      asleep_ = &one;
    }
    return one.wait() == called;
  }

  duty& duty_;
  const std::size_t most_;
  const std::size_t stack_size_;
  std::mutex mutex_;
  member* asleep_ = nullptr;
  std::size_t started_ = 0;
  std::size_t called_ahead_ =
      0;  // calls that came while all were at work, one of them for not long
  bool stopping_ = false;
  owned<member[]> members_;
};

}  // namespace millrace::detail
