#include "support/calibration.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

#include "support/statistics.hpp"

namespace bench {

namespace {

// Calls `batch` until the time is over; the median of the time per call inside, so that a batch in
// which a thread lost its core doesn't count.
template <class Batch>
double median_of(nanoseconds time, int calls, Batch&& batch) {
  const auto deadline = clock::now() + time;
  std::vector<double> samples;
  do {
    const auto started = clock::now();
    batch();
    samples.push_back(in_ns(clock::now() - started) / calls);
  } while (clock::now() < deadline);
  return spread_of(samples).median;
}

class event_fd {
 public:
  event_fd() : fd_(::eventfd(0, EFD_CLOEXEC)) {
    if (fd_ == -1) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~event_fd() { ::close(fd_); }
  event_fd(const event_fd&) = delete;
  event_fd& operator=(const event_fd&) = delete;

  void signal(std::uint64_t value = 1) const { check(::write(fd_, &value, sizeof value)); }
  [[nodiscard]] std::uint64_t wait() const {
    std::uint64_t value = 0;
    check(::read(fd_, &value, sizeof value));
    return value;
  }

 private:
  static void check(ssize_t moved) {
    if (moved == -1) throw std::system_error(errno, std::generic_category(), "eventfd");
  }

  int fd_;
};

int one_more(int value) {
  return value + 1;
}

}  // namespace

double plain_call(nanoseconds time) {
  constexpr int calls = 10'000;
  int (*volatile f)(int) = &one_more;
  volatile int keep = 0;
  return median_of(time, calls, [&] {
    int value = keep;
    for (int i = 0; i < calls; ++i) value = f(value) & 0xff;
    keep = value;
  });
}

double spinning_round_trip(nanoseconds time) {
  constexpr int trips = 20;
  struct alignas(128) word {
    std::atomic<int> value{0};
  };
  word there;
  word back;
  std::thread other([&] {
    for (int expected = 1;; ++expected) {
      int seen = 0;
      while ((seen = there.value.load(std::memory_order_acquire)) != expected)
        if (seen == -1) return;
      back.value.store(expected, std::memory_order_release);
    }
  });
  int number = 0;
  const auto batch = [&] {
    for (int i = 0; i < trips; ++i) {
      there.value.store(++number, std::memory_order_release);
      while (back.value.load(std::memory_order_acquire) != number) {
      }
    }
  };
  // A new thread begins on its maker's core; the kernel takes some time to move it away.
  const auto patience = clock::now() + std::chrono::milliseconds(300);
  while (median_of(nanoseconds(0), trips, batch) > 10'000 && clock::now() < patience) {
  }
  const double result = median_of(time, trips, batch);
  there.value.store(-1, std::memory_order_release);
  other.join();
  return result;
}

double sleeping_round_trip(nanoseconds time) {
  constexpr int trips = 10;
  constexpr std::uint64_t stop = 1'000'000;
  event_fd there;
  event_fd back;
  std::thread other([&] {
    while (there.wait() < stop) back.signal();
  });
  const double result = median_of(time, trips, [&] {
    for (int i = 0; i < trips; ++i) {
      there.signal();
      static_cast<void>(back.wait());
    }
  });
  there.signal(stop);
  other.join();
  return result;
}

}  // namespace bench
