#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/live_pools.hpp"

namespace millrace::detail {

// How many operations have still to come back to one context by way of an executor: what an inbox
// does for the jobs that come through it, without the queue.
class return_count {
 public:
  return_count() = default;
  return_count(const return_count&) = delete;
  return_count& operator=(const return_count&) = delete;

  // One operation that is out; ends when it was handed to its executor, or dropped.
  class share {
   public:
    explicit share(return_count* of) noexcept : of_(of) {
      if (of_ != nullptr) of_->add();
    }
    share(share&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    share& operator=(share&&) = delete;
    ~share() {
      if (of_ != nullptr) of_->remove();
    }

    [[nodiscard]] const void* home() const noexcept { return of_; }

   private:
    return_count* of_;
  };

  // When the context shuts down: drops what hasn't begun, waits for what has.
  void close() noexcept {
    if (fork_generation() != born_) return;
    pools_.abandon_jobs_of(this);
    std::unique_lock lock(mutex_);
    none_out_.wait(lock, [this] { return out_ == 0; });
  }

 protected:
  ~return_count() = default;

 private:
  void add() noexcept {
    pools_.note();
    const std::lock_guard lock(mutex_);
    ++out_;
  }
  // Signals inside the lock: this may be gone right after.
  void remove() noexcept {
    const std::lock_guard lock(mutex_);
    if (--out_ == 0) none_out_.notify_all();
  }

  const std::uint32_t born_ = fork_generation();
  pool_lists pools_;
  std::mutex mutex_;
  std::condition_variable none_out_;
  std::size_t out_ = 0;
};

}  // namespace millrace::detail
