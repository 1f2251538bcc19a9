#include "bcrypt/batch.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stop_token>
#include <thread>
#include <utility>

#include "compute/stop.hpp"

namespace lambda::bcrypt {
namespace {

class Hashing {
 public:
  Hashing(std::size_t count, const HashItem& hash_item, std::stop_token stop)
      : hash_item_(hash_item), stop_(std::move(stop)), threads_(count) {
    batch_.hashes.resize(count);
  }

  void range(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      compute::throw_if_stopped(stop_);
      threads_[i] = std::this_thread::get_id();
      batch_.hashes[i] = hash_item_(i);
    }
  }

  Batch finish() {
    std::sort(threads_.begin(), threads_.end());
    const auto end = std::unique(threads_.begin(), threads_.end());
    batch_.threads_used = static_cast<int>(end - threads_.begin());
    return std::move(batch_);
  }

 private:
  const HashItem& hash_item_;
  std::stop_token stop_;
  std::vector<std::thread::id> threads_;  // by item, so that nothing is shared
  Batch batch_;
};

}  // namespace

std::string password(std::size_t index) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "password_%06zu", index);
  return text.data();
}

asio::awaitable<Batch> hash_batch(std::size_t count, Mode mode, HashItem hash_item,
                                  millrace::ComputePool<>& pool) {
  // The jobs have names because g++ 12 destroys the captures of a temporary in a co_await
  // expression twice.
  if (mode == Mode::sequential) {
    auto work = [count, &hash_item](std::stop_token stop) {
      Hashing hashing{count, hash_item, std::move(stop)};
      hashing.range(0, count);
      return hashing.finish();
    };
    co_return co_await pool.execute(std::move(work));
  }
  auto work = [count, &hash_item](std::stop_token stop) {
    Hashing hashing{count, hash_item, std::move(stop)};
    // One item per task: a hash takes ten thousand times as long as a task.
    using Range = tbb::blocked_range<std::size_t>;
    tbb::parallel_for(
        Range{0, count, 1}, [&](const Range& r) { hashing.range(r.begin(), r.end()); },
        tbb::simple_partitioner{});
    return hashing.finish();
  };
  co_return co_await pool.install(std::move(work));
}

}  // namespace lambda::bcrypt
