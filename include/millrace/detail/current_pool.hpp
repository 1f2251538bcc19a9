#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace::detail {

// Which pool the coroutines of a context find, if any. Shared by the context, the pool and the
// attachment that brought them together: any of these may go first.
//
// Each time that a pool is put in has a number, so that nobody takes out what others have put in
// since: a new pool may have the address of the old one.
class pool_slot {
 public:
  // The pool's number; 0 if there is a pool already.
  [[nodiscard]] std::uint64_t put(void* pool) noexcept {
    const std::lock_guard lock(mutex_);
    if (pool_.load(std::memory_order_relaxed) != nullptr) return 0;
    pool_.store(pool, std::memory_order_release);
    return ++newest_;
  }

  void take_out(std::uint64_t number) noexcept {
    const std::lock_guard lock(mutex_);
    if (number == newest_) pool_.store(nullptr, std::memory_order_relaxed);
  }

  [[nodiscard]] bool holds(std::uint64_t number) noexcept {
    const std::lock_guard lock(mutex_);
    return number == newest_ && pool_.load(std::memory_order_relaxed) != nullptr;
  }

  // Acquire: the pool was made before it was put in.
  [[nodiscard]] void* pool() const noexcept { return pool_.load(std::memory_order_acquire); }

 private:
  std::mutex mutex_;
  std::atomic<void*> pool_{nullptr};
  std::uint64_t newest_ = 0;
};

// The slots that one pool is in, so that it can leave them when it goes.
class slots_of_pool {
 public:
  // Throws std::bad_alloc.
  void add(std::weak_ptr<pool_slot> slot, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    std::erase_if(all_, [](const entry& each) {
      const std::shared_ptr<pool_slot> still = each.slot.lock();
      return still == nullptr || !still->holds(each.number);
    });
    all_.push_back({std::move(slot), number});
  }

  void leave_all() noexcept {
    const std::lock_guard lock(mutex_);
    for (const entry& each : all_) {
      if (const std::shared_ptr<pool_slot> slot = each.slot.lock()) slot->take_out(each.number);
    }
    all_.clear();
  }

 private:
  struct entry {
    std::weak_ptr<pool_slot> slot;
    std::uint64_t number;
  };

  std::mutex mutex_;
  std::vector<entry> all_;
};

}  // namespace millrace::detail
