#include "io/side_by_side.hpp"

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "lambda/support/await.hpp"
#include "support/catch.hpp"

using lambda::io::side_by_side;
using lambda::testing::await;

namespace {

asio::awaitable<void> yield() {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

asio::awaitable<void> wait_for_ever() {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

TEST_CASE("side by side: all run, in order, no more than the width at a time") {
  asio::io_context context;
  const std::size_t width = GENERATE(1, 3, 7, 100);
  std::vector<std::size_t> begun;
  std::size_t running = 0;
  std::size_t most = 0;
  std::size_t ended = 0;
  auto each = [&](std::size_t index) -> asio::awaitable<void> {
    begun.push_back(index);
    most = std::max(most, ++running);
    for (std::size_t i = 0; i <= index % 3; ++i) co_await yield();
    --running;
    ++ended;
  };
  await(context, side_by_side(10, width, each));
  CHECK(begun == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(most == std::min<std::size_t>(width, 10));
  CHECK(ended == 10);
  await(context, side_by_side(0, width, each));
  CHECK(ended == 10);
}

TEST_CASE("side by side: those that never suspend are awaited, too") {
  asio::io_context context;
  int sum = 0;
  auto each = [&](std::size_t index) -> asio::awaitable<void> {
    sum += static_cast<int>(index);
    co_return;
  };
  await(context, side_by_side(5, 2, each));
  CHECK(sum == 10);
}

TEST_CASE("side by side: the first failure ends the others, and is thrown") {
  asio::io_context context;
  int begun = 0;
  int aborted = 0;
  auto each = [&](std::size_t index) -> asio::awaitable<void> {
    ++begun;
    if (index == 2) {
      co_await yield();
      throw std::invalid_argument("the third");
    }
    try {
      co_await wait_for_ever();
    } catch (const std::system_error&) {
      ++aborted;
      throw;
    }
  };
  CHECK_THROWS_WITH(await(context, side_by_side(10, 4, each)), "the third");
  CHECK(begun == 4);
  CHECK(aborted == 3);
}

TEST_CASE("side by side: cancelling ends all") {
  asio::io_context context;
  asio::cancellation_signal signal;
  std::exception_ptr failure;
  int ended = 0;
  struct Count {
    int& ended;
    ~Count() { ++ended; }
  };
  auto each = [&](std::size_t) -> asio::awaitable<void> {
    const Count count{ended};
    co_await wait_for_ever();
  };
  asio::co_spawn(context, side_by_side(10, 3, each),
                 asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error) {
                   failure = std::move(error);
                   CHECK(ended == 3);
                 }));
  context.poll();
  CHECK(failure == nullptr);
  signal.emit(asio::cancellation_type::terminal);
  context.restart();
  context.run();
  REQUIRE(failure != nullptr);
  try {
    std::rethrow_exception(failure);
  } catch (const std::system_error& error) {
    CHECK(error.code() == asio::error::operation_aborted);
  }
}

TEST_CASE("side by side: a context may be destroyed with some under way") {
  auto alive = std::make_shared<int>(0);
  {
    asio::io_context context;
    const auto work = [alive]() -> asio::awaitable<void> {
      int in_frame = 0;
      auto each = [alive, &in_frame](std::size_t) -> asio::awaitable<void> {
        struct Touch {
          int& place;
          ~Touch() { ++place; }
        };
        const Touch touch{in_frame};
        co_await wait_for_ever();
      };
      co_await side_by_side(5, 2, each);
    };
    asio::co_spawn(context, work(), asio::detached);
    context.poll();
    CHECK(alive.use_count() > 1);
  }
  CHECK(alive.use_count() == 1);
}
