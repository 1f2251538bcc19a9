#pragma once

#include <asio/use_future.hpp>
#include <future>
#include <latch>
#include <utility>

#include "millrace/compute_pool.hpp"

namespace test {

// The one worker of a pool, busy until it is released or this goes, be it by an exception.
template <class Pool>
class OneBusy {
 public:
  explicit OneBusy(Pool& pool, millrace::JobOptions options = {})
      : ended_(pool.execute(
            options,
            [this] {
              running_.count_down();
              release_.wait();
            },
            asio::use_future)) {
    running_.wait();
  }
  ~OneBusy() {
    release();
    ended_.wait();
  }
  OneBusy(const OneBusy&) = delete;
  OneBusy& operator=(const OneBusy&) = delete;

  void release() {
    if (!std::exchange(told_, true)) release_.count_down();
  }

 private:
  std::latch running_{1};
  std::latch release_{1};
  bool told_ = false;
  std::future<void> ended_;
};

}  // namespace test
