#pragma once

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "millrace/detail/thread_number.hpp"
#include "millrace/detail/trace_ring.hpp"

namespace millrace::detail {

// What a pool's trace is made of: a ring for each thread that has had to do with its jobs. A ring
// stays when its thread goes.
class trace_log {
 public:
  // As many threads as have a ring. What others do is lost, and counted.
  static constexpr std::size_t most_threads = 255;

  trace_log(std::size_t events_per_thread, std::string name)
      : events_per_thread_(events_per_thread), name_(std::move(name)) {}

  // What a thread adds to; none if it has no ring. Looked for before the clock is read: making one
  // takes a while.
  struct thread_part {
    thread_part(std::size_t of_process, std::uint64_t of_log, std::size_t events)
        : thread(of_process), number(of_log), ring(events, name_of_thread()) {}

    const std::size_t thread;
    const std::uint64_t number;  // from 1 on; 0 is for the jobs of threads without a ring
    std::uint64_t submitted = 0;
    trace_ring ring;
  };

  [[nodiscard]] thread_part* of_this_thread() noexcept {
    struct memory {
      std::uint64_t log = 0;
      thread_part* part = nullptr;
    };
    // A thread that works for several pools remembers some of them. A log's number is never used
    // again, so what is remembered of one that has gone is never asked for.
    static thread_local constinit std::array<memory, 4> remembered{};
    memory& mine = remembered[number_ % remembered.size()];
    if (mine.log != number_) mine = {number_, find_or_make()};
    return mine.part;
  }

  // A number for a job, told apart by the thread that submits it, so that threads share nothing.
  // Below 2^53, which is what readers of JSON can tell apart.
  [[nodiscard]] std::uint64_t next_job(thread_part* mine) noexcept {
    if (mine == nullptr) return unseen_.fetch_add(1, std::memory_order_relaxed);
    return (mine->number << 45) + mine->submitted++;
  }

  void add(thread_part* mine, const trace_event& one) noexcept {
    if (mine != nullptr) {
      mine->ring.add(one);
    } else {
      lost_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  struct contents {
    struct thread {
      std::string name;
      std::vector<trace_event> events;
    };
    std::vector<thread> threads;
    std::uint64_t lost = 0;
  };

  [[nodiscard]] contents read() const {
    std::vector<const trace_ring*> rings;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& each : threads_) rings.push_back(&each->ring);
    }
    contents all;
    for (const trace_ring* const ring : rings) {
      all.threads.push_back({ring->thread_name(), {}});
      all.lost += ring->read(all.threads.back().events);
    }
    all.lost += lost_.load(std::memory_order_relaxed);
    return all;
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  // Null if there is no memory, or no number left.
  [[nodiscard]] thread_part* find_or_make() noexcept {
    const std::size_t thread = this_thread_number();
    try {
      const std::lock_guard lock(mutex_);
      const auto found = std::find_if(threads_.begin(), threads_.end(),
                                      [=](const auto& one) { return one->thread == thread; });
      if (found != threads_.end()) return found->get();
      if (threads_.size() == most_threads) return nullptr;
      threads_.push_back(
          std::make_unique<thread_part>(thread, threads_.size() + 1, events_per_thread_));
      return threads_.back().get();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  static std::string name_of_thread() {
    std::array<char, 16> name{};
    pthread_getname_np(pthread_self(), name.data(), name.size());
    return name.data();
  }

  static inline std::atomic<std::uint64_t> logs{0};

  const std::uint64_t number_ = logs.fetch_add(1, std::memory_order_relaxed) + 1;
  const std::size_t events_per_thread_;
  const std::string name_;
  std::atomic<std::uint64_t> lost_{0};
  std::atomic<std::uint64_t> unseen_{0};
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<thread_part>> threads_;
};

}  // namespace millrace::detail
