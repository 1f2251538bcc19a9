#include "contract/plugin.hpp"

#include <asio/bind_executor.hpp>
#include <asio/detached.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <exception>
#include <future>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

namespace {

class This final : public Plugin {
 public:
  millrace::ComputePool<>& make(int threads) override {
    pool_ = std::make_unique<millrace::ComputePool<>>(millrace::ComputeConfig{.threads = threads});
    return *pool_;
  }
  void drop() override { pool_.reset(); }

  void meet() override {
    const int many = pool_->num_threads();
    std::barrier all(many);
    std::vector<std::future<void>> jobs;
    for (int i = 0; i < many; ++i) {
      jobs.push_back(pool_->execute([&] { all.arrive_and_wait(); }, asio::use_future));
    }
    for (auto& each : jobs) each.get();
  }

  void nested(millrace::ComputePool<>& pool) override {
    pool.execute_sync([&] { pool.execute_sync([] {}); });
  }

  void fork(millrace::ComputePool<>& pool) override {
    std::barrier both(2);
    const auto piece = [&] { both.arrive_and_wait(); };
    pool.join(piece, piece, asio::use_future).get();
  }

  void occupy(millrace::ComputePool<>& pool, asio::io_context& context, std::atomic<bool>& release,
              std::atomic<int>& ran) override {
    std::latch running(1);
    pool.execute(
        [&running, &release] {
          running.count_down();
          while (!release) std::this_thread::yield();
        },
        asio::detached);
    running.wait();
    pool.execute([&ran] { ++ran; }, asio::bind_executor(context, [](std::exception_ptr) {}));
  }

 private:
  std::unique_ptr<millrace::ComputePool<>> pool_;
};

}  // namespace

extern "C" [[gnu::visibility("default")]] Plugin* plugin();
extern "C" Plugin* plugin() {
  static This instance;
  return &instance;
}
