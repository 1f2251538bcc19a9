#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::detail {

struct counted_group;

enum class trace_step : std::uint8_t {
  submitted,
  started,
  finished,
  failed,
  cancelled,
  expired,
  rejected,
  resumed
};

struct trace_event {
  std::int64_t when;  // of the steady clock, in nanoseconds
  std::uint64_t job;  // its number
  trace_step step;
  const counted_group* group;  // its label's, or none
};

// What one thread has recorded last: it alone adds, any thread reads meanwhile.
//
// An event is three words, written one by one over those of an older event. The owner says first
// that it has begun a number of them, and then that it has done so. Each word is stored with
// release and loaded with acquire: a reader that has got a word of event n sees n as begun, and
// knows that what it took for the event a whole ring before n isn't.
class trace_ring {
 public:
  // `capacity` is a power of two. Throws std::bad_alloc.
  trace_ring(std::size_t capacity, std::string thread_name)
      : mask_(capacity - 1),
        thread_name_(std::move(thread_name)),
        slots_(std::make_unique<slot[]>(capacity)) {}

  void add(const trace_event& one) noexcept {
    const std::uint64_t number = begun_.load(std::memory_order_relaxed);
    begun_.store(number + 1, std::memory_order_relaxed);
    slot& its = slots_[number & mask_];
    its.when.store(one.when, std::memory_order_release);
    its.job_and_step.store(one.job << step_bits | static_cast<std::uint64_t>(one.step),
                           std::memory_order_release);
    its.group.store(one.group, std::memory_order_release);
    done_.store(number + 1, std::memory_order_release);
  }

  // Oldest first. Returns how many there were that are overwritten.
  std::uint64_t read(std::vector<trace_event>& into) const {
    const std::uint64_t end = done_.load(std::memory_order_acquire);
    const std::uint64_t first = oldest(end);
    into.clear();
    into.reserve(static_cast<std::size_t>(end - first));
    for (std::uint64_t number = first; number < end; ++number) {
      const slot& its = slots_[number & mask_];
      const std::int64_t when = its.when.load(std::memory_order_acquire);
      const std::uint64_t job_and_step = its.job_and_step.load(std::memory_order_acquire);
      const counted_group* const group = its.group.load(std::memory_order_acquire);
      into.push_back({when, job_and_step >> step_bits,
                      static_cast<trace_step>(job_and_step & ((1u << step_bits) - 1)), group});
    }
    const std::uint64_t still_there = oldest(begun_.load(std::memory_order_relaxed));
    if (still_there <= first) return first;
    const std::uint64_t overwritten = still_there < end ? still_there : end;
    into.erase(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(overwritten - first));
    return overwritten;
  }

  [[nodiscard]] const std::string& thread_name() const noexcept { return thread_name_; }

 private:
  static constexpr int step_bits = 3;

  struct slot {
    std::atomic<std::int64_t> when{0};
    std::atomic<std::uint64_t> job_and_step{0};  // 61 bits of the job's number, 3 of the step
    std::atomic<const counted_group*> group{nullptr};
  };

  [[nodiscard]] std::uint64_t oldest(std::uint64_t end) const noexcept {
    return end > mask_ ? end - mask_ - 1 : 0;
  }

  const std::size_t mask_;
  const std::string thread_name_;
  const std::unique_ptr<slot[]> slots_;
  alignas(64) std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint64_t> done_{0};
};

}  // namespace millrace::detail
