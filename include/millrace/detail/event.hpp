#pragma once

#include <condition_variable>
#include <mutex>

namespace millrace::detail {

// Set once, waited for once. The waiter may destroy the event as soon as wait() returns, even if
// it lies on its stack: set() signals inside the lock, so its last touch is the unlock, and POSIX
// lets a mutex be destroyed by whoever locked it next. An atomic's notify gives no such promise.
class event {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_one();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

}  // namespace millrace::detail
