#pragma once

#include <asio/execution_context.hpp>
#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/detail/inbox_service.hpp"

namespace millrace {

/// Permits to compute on a thread that does I/O: one less than there are such threads, so that one
/// of them always serves its loop.
///
/// **Thread safety:** all members, from any thread.
class InlinePermits {
 public:
  /// A permit, or none; given back when it goes, also by an exception.
  class [[nodiscard]] Permit {
   public:
    Permit(Permit&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (from_ != nullptr) from_->used_.fetch_sub(1, std::memory_order_release);
    }

    explicit operator bool() const noexcept { return from_ != nullptr; }

   private:
    friend class InlinePermits;
    explicit Permit(InlinePermits* from) noexcept : from_(from) {}
    InlinePermits* from_;
  };

  /// Throws `std::invalid_argument` for less than one thread.
  explicit InlinePermits(int io_threads = 1) { set_io_threads(io_threads); }

  /// Never waits.
  [[nodiscard]] Permit try_acquire() noexcept {
    int used = used_.load(std::memory_order_relaxed);
    while (used < io_threads() - 1) {
      if (used_.compare_exchange_weak(used, used + 1, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return Permit(this);
      }
    }
    return Permit(nullptr);
  }

  [[nodiscard]] int io_threads() const noexcept {
    return io_threads_.load(std::memory_order_relaxed);
  }

  /// How many permits are given out.
  [[nodiscard]] int used() const noexcept { return used_.load(std::memory_order_relaxed); }

  /// Throws as the constructor does. Permits that are given out stay so.
  void set_io_threads(int threads) {
    if (threads < 1) {
      throw std::invalid_argument("millrace::InlinePermits: io_threads is " +
                                  std::to_string(threads) + ", should be at least 1");
    }
    io_threads_.store(threads, std::memory_order_relaxed);
  }

 private:
  std::atomic<int> io_threads_{1};
  std::atomic<int> used_{0};
};

namespace detail {

// The permits of those who await a pool's jobs.
class permits_service final : public asio::execution_context::service, public remembered_service {
 public:
  using key_type = permits_service;
  static inline asio::execution_context::id id;

  explicit permits_service(asio::execution_context& pool) : service(pool) {}

  InlinePermits permits;

 private:
  void shutdown() override {}
};

}  // namespace detail

/// The permits for jobs that could go to `pool`, see `compute_medium` and `execute_adaptive`.
///
/// None until `set_io_threads` tells that there is more than one thread.
/// **Thread safety:** any thread. **Allocation:** the permits, when they are first asked for.
template <class Instrumentation>
[[nodiscard]] InlinePermits& inline_permits(ComputePool<Instrumentation>& pool) {
  asio::execution_context& context = pool;
  return detail::service_of<detail::permits_service>(context).permits;
}

/// Says how many threads run the loops whose coroutines await this pool's jobs. Where they run
/// several contexts with threads of their own, the smallest number of them.
///
/// Throws `std::invalid_argument` for less than one thread. **Thread safety:** any thread.
template <class Instrumentation>
void set_io_threads(ComputePool<Instrumentation>& pool, int threads) {
  inline_permits(pool).set_io_threads(threads);
}

}  // namespace millrace
