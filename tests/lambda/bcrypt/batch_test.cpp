#include "bcrypt/batch.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda::bcrypt;

namespace {

constexpr std::chrono::seconds bound{30};

millrace::ComputeConfig workers(int threads) {
  return millrace::ComputeConfig{.threads = threads};
}

/// Lets threads through once there are `expected` of them; false if they don't come.
class Meeting {
 public:
  explicit Meeting(int expected) : expected_(expected) {}

  bool arrive_and_wait() {
    std::unique_lock lock{mutex_};
    ++arrived_;
    all_here_.notify_all();
    return all_here_.wait_for(lock, bound, [&] { return arrived_ >= expected_; });
  }

 private:
  int expected_;
  int arrived_ = 0;
  std::mutex mutex_;
  std::condition_variable all_here_;
};

// The error of a batch that gets a cancellation from its third item.
std::error_code error_when_cancelled(Mode mode, int threads, std::atomic<int>& items) {
  asio::io_context context{1};
  millrace::ComputePool<> pool{workers(threads)};
  asio::cancellation_signal cancel;
  HashItem hash_item = [&](std::size_t) {
    if (++items == 3) {
      std::promise<void> cancelled;
      asio::post(context, [&] {
        cancel.emit(asio::cancellation_type::terminal);
        cancelled.set_value();
      });
      static_cast<void>(cancelled.get_future().wait_for(bound));
    }
    return std::string{};
  };
  std::error_code result;
  asio::co_spawn(context, hash_batch(100'000, mode, std::move(hash_item), pool),
                 asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error, Batch) {
                   try {
                     if (error != nullptr) std::rethrow_exception(error);
                   } catch (const std::system_error& e) {
                     result = e.code();
                   }
                 }));
  context.run();
  return result;
}

}  // namespace

TEST_CASE("batch: passwords are numbered with six digits") {
  CHECK(password(0) == "password_000000");
  CHECK(password(999) == "password_000999");
}

TEST_CASE("batch: every item is hashed once and lies at its index") {
  for (const auto mode : {Mode::parallel, Mode::sequential}) {
    millrace::ComputePool<> pool{workers(2)};
    std::atomic<int> calls = 0;
    HashItem hash_item = [&](std::size_t i) {
      ++calls;
      return std::to_string(i);
    };
    const auto batch = test::run(hash_batch(1000, mode, std::move(hash_item), pool));
    CHECK(calls == 1000);
    REQUIRE(batch.hashes.size() == 1000);
    for (std::size_t i = 0; i < 1000; ++i) CHECK(batch.hashes[i] == std::to_string(i));
  }
}

TEST_CASE("batch: parallel items are on several threads at once and these are counted") {
  millrace::ComputePool<> pool{workers(2)};
  Meeting meeting{2};
  std::atomic<int> alone = 0;
  HashItem hash_item = [&](std::size_t) {
    if (!meeting.arrive_and_wait()) ++alone;
    return std::string{};
  };
  CHECK(test::run(hash_batch(20, Mode::parallel, std::move(hash_item), pool)).threads_used == 2);
  CHECK(alone == 0);
}

TEST_CASE("batch: sequential items are on one worker in order") {
  millrace::ComputePool<> pool{workers(2)};
  std::vector<std::size_t> order;
  bool on_this_thread = false;
  HashItem hash_item = [&, here = std::this_thread::get_id()](std::size_t i) {
    order.push_back(i);
    on_this_thread = on_this_thread || std::this_thread::get_id() == here;
    return std::string{};
  };
  CHECK(test::run(hash_batch(4, Mode::sequential, std::move(hash_item), pool)).threads_used == 1);
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3});
  CHECK_FALSE(on_this_thread);
}

TEST_CASE("batch: the event loop answers while an item is being hashed") {
  for (const auto mode : {Mode::parallel, Mode::sequential}) {
    asio::io_context context{1};
    millrace::ComputePool<> pool{workers(2)};
    // Each item ends only when the loop has run a handler that was posted during the item.
    std::atomic<int> answered = 0;
    HashItem hash_item = [&](std::size_t) {
      const auto answer = std::make_shared<std::promise<void>>();
      asio::post(context, [answer] { answer->set_value(); });
      if (answer->get_future().wait_for(bound) == std::future_status::ready) ++answered;
      return std::string{};
    };
    std::exception_ptr failure;
    asio::co_spawn(context, hash_batch(10, mode, std::move(hash_item), pool),
                   [&](std::exception_ptr error, const Batch&) { failure = std::move(error); });
    context.run();
    CHECK(failure == nullptr);
    CHECK(answered == 10);
  }
}

TEST_CASE("batch: a cancellation keeps the next items from being hashed") {
  for (const auto mode : {Mode::parallel, Mode::sequential}) {
    std::atomic<int> items = 0;
    CHECK(error_when_cancelled(mode, 1, items) == asio::error::operation_aborted);
    CHECK(items == 3);
  }
  std::atomic<int> items = 0;
  CHECK(error_when_cancelled(Mode::parallel, 2, items) == asio::error::operation_aborted);
  CHECK(items < 100'000);
}

TEST_CASE("batch: what an item throws is the batch's error") {
  for (const auto mode : {Mode::parallel, Mode::sequential}) {
    millrace::ComputePool<> pool{workers(2)};
    HashItem hash_item = [](std::size_t i) -> std::string {
      if (i == 5) throw std::runtime_error{"item 5"};
      return {};
    };
    CHECK_THROWS_WITH(test::run(hash_batch(10, mode, std::move(hash_item), pool)), "item 5");
  }
}
