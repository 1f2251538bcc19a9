#pragma once

#include <asio/detached.hpp>
#include <latch>
#include <millrace/compute_pool.hpp>
#include <utility>

namespace test {

// A pool whose workers are all busy until they are told to go on.
class BusyPool {
 public:
  explicit BusyPool(int workers = 1) : running_(workers), pool({.threads = workers}) {
    for (int i = 0; i < workers; ++i) {
      pool.execute(
          [this] {
            running_.count_down();
            free_.wait();
          },
          asio::detached);
    }
    running_.wait();
  }
  ~BusyPool() { free_workers(); }

  void free_workers() {
    if (!std::exchange(told_, true)) free_.count_down();
  }

 private:
  std::latch running_;
  std::latch free_{1};
  bool told_ = false;

 public:
  millrace::ComputePool<> pool;
};

}  // namespace test
