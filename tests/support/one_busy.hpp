#pragma once

#include <asio/use_future.hpp>
#include <future>
#include <latch>

#include "millrace/compute_pool.hpp"

namespace test {

// The one worker of a pool, busy until this goes, be it by an exception.
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
    release_.count_down();
    ended_.wait();
  }
  OneBusy(const OneBusy&) = delete;
  OneBusy& operator=(const OneBusy&) = delete;

 private:
  std::latch running_{1};
  std::latch release_{1};
  std::future<void> ended_;
};

}  // namespace test
