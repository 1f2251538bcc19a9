#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <new>

namespace millrace::detail {

// Memory of operations that have ended, kept by the thread for the next ones: an operation is
// allocated and freed on threads of the same loop, so a cache per thread needs no lock. Asio's own
// keeps two blocks; a service has thousands of jobs in flight.
class block_cache {
 public:
  static constexpr std::size_t unit = 64;         // sizes are rounded up to it: a cache line
  static constexpr std::size_t largest = 1024;    // bytes; what is larger isn't cached
  static constexpr std::size_t most_kept = 4096;  // blocks per size: 4 MiB for the largest

  [[nodiscard]] static void* allocate(std::size_t bytes) {
    if (bytes <= largest && mine_.alive_) {
      shelf& from = mine_.shelves_[index(bytes)];
      if (from.first != nullptr) {
        block* const taken = from.first;
        from.first = taken->next;
        --from.count;
        return taken;
      }
    }
    return ::operator new(rounded(bytes), alignment);
  }

  static void deallocate(void* memory, std::size_t bytes) noexcept {
    if (bytes <= largest && mine_.alive_) {
      shelf& to = mine_.shelves_[index(bytes)];
      if (to.count < most_kept) {
        to.first = ::new (memory) block{to.first};
        ++to.count;
        return;
      }
    }
    ::operator delete(memory, alignment);
  }

  // A new thread, while there is memory: the first use may need some for the thread's end.
  static void prepare() noexcept { static_cast<void>(mine_.alive_); }

  block_cache(const block_cache&) = delete;
  block_cache& operator=(const block_cache&) = delete;

 private:
  struct block {
    block* next;
  };
  struct shelf {
    block* first = nullptr;
    std::size_t count = 0;
  };

  constexpr block_cache() noexcept = default;
  ~block_cache() {
    alive_ = false;  // other thread-locals may still free operations
    for (std::size_t i = 0; i < shelves_.size(); ++i) {
      while (block* const first = shelves_[i].first) {
        shelves_[i].first = first->next;
        ::operator delete(first, alignment);
      }
    }
  }

  static constexpr std::align_val_t alignment{unit};

  static std::size_t index(std::size_t bytes) noexcept { return (bytes + unit - 1) / unit - 1; }
  static std::size_t rounded(std::size_t bytes) noexcept {
    return (bytes + unit - 1) / unit * unit;
  }

  static thread_local block_cache mine_;

  std::array<shelf, largest / unit> shelves_{};
  bool alive_ = true;
};

inline thread_local constinit block_cache block_cache::mine_;

// For std::allocator's place: who doesn't ask for an allocator gets the cache.
template <class T>
struct cached_allocator {
  using value_type = T;

  cached_allocator() noexcept = default;
  template <class U>
  cached_allocator(const cached_allocator<U>&) noexcept {}  // NOLINT: as allocators do

  [[nodiscard]] T* allocate(std::size_t n) {
    if constexpr (fits_the_cache) {
      return static_cast<T*>(block_cache::allocate(n * sizeof(T)));
    } else {
      return std::allocator<T>().allocate(n);
    }
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    if constexpr (fits_the_cache) {
      block_cache::deallocate(memory, n * sizeof(T));
    } else {
      std::allocator<T>().deallocate(memory, n);
    }
  }
  friend bool operator==(cached_allocator, cached_allocator) noexcept { return true; }

 private:
  static constexpr bool fits_the_cache = alignof(T) <= block_cache::unit;
};

}  // namespace millrace::detail
