#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace test {

struct AllocationCounts {
  std::atomic<int> made = 0;
  std::atomic<int> live = 0;
};

// Counts what is allocated through it, and what is still allocated.
template <class T>
class CountingAllocator {
 public:
  using value_type = T;

  explicit CountingAllocator(AllocationCounts& counts) noexcept : counts_(&counts) {}
  template <class U>
  CountingAllocator(const CountingAllocator<U>& other) noexcept  // NOLINT: as allocators do
      : counts_(other.counts_) {}

  T* allocate(std::size_t n) {
    ++counts_->made;
    ++counts_->live;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    --counts_->live;
    std::allocator<T>().deallocate(memory, n);
  }
  friend bool operator==(const CountingAllocator& a, const CountingAllocator& b) {
    return a.counts_ == b.counts_;
  }

 private:
  template <class U>
  friend class CountingAllocator;
  AllocationCounts* counts_;
};

}  // namespace test
