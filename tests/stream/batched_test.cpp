#include "millrace/batched.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "millrace/stream.hpp"
#include "streaming.hpp"
#include "support/catch.hpp"

using millrace::batched;
using millrace::ComputePool;
using test::Streaming;
using namespace std::chrono_literals;

namespace {

using Batch = std::vector<int>;
using Batches = std::vector<Batch>;
using BatchWork = std::function<Batch(Batch)>;

// The longest wait that nobody waits for.
constexpr auto an_hour = 1h;

const BatchWork unchanged = [](Batch batch) { return batch; };

std::function<void(Batch)> into(Batches& log) {
  return [&log](Batch batch) { log.push_back(std::move(batch)); };
}

}  // namespace

TEST_CASE("batched: by count, and the rest at the end") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  Batches log;
  int taken = 0;
  stream.start(pool, batched(test::numbers(7, taken), 3, an_hour), unchanged, into(log), {});
  stream.context.run();
  CHECK(stream.completions == 1);
  CHECK(stream.count == 3);
  CHECK(log == Batches{{0, 1, 2}, {3, 4, 5}, {6}});
}

TEST_CASE("batched: one by one, and none at all") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  Batches log;
  int taken = 0;
  stream.start(pool, batched(test::numbers(2, taken), 1, an_hour), unchanged, into(log), {});
  stream.to_the_end();
  CHECK(log == Batches{{0}, {1}});
  int none = 0;
  stream.start(pool, batched(test::numbers(0, none), 3, an_hour), unchanged, into(log), {});
  stream.until([&] { return stream.completions == 2; });
  CHECK(stream.count == 0);
  CHECK(log.size() == 2);
}

TEST_CASE("batched: by time, when no more comes") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context);
  Batches log;
  stream.start(pool, batched(items, 3, 1ms), unchanged, into(log), {});
  for (int i = 0; i < 2; ++i) {
    items.async_send(std::error_code(), i, [](std::error_code) {});
    // Nothing else comes, so only time can have ended the batch.
    stream.until([&] { return log.size() == static_cast<std::size_t>(i) + 1; });
    CHECK(log.back() == Batch{i});
  }
  items.close();
  stream.to_the_end();
  CHECK(stream.count == 2);
}

TEST_CASE("batched: waits for more until the time is over") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context);
  Batches log;
  stream.start(pool, batched(items, 2, an_hour), unchanged, into(log), {});
  items.async_send(std::error_code(), 0, [](std::error_code) {});
  CHECK_FALSE(stream.ever([&] { return !log.empty(); }));
  items.async_send(std::error_code(), 1, [](std::error_code) {});
  stream.until([&] { return !log.empty(); });
  CHECK(log == Batches{{0, 1}});
  items.close();
  stream.to_the_end();
  CHECK(stream.count == 1);
}

TEST_CASE("batched: a source that has ended is asked no more") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  Batches log;
  int calls = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    ++calls;
    if (calls == 2) co_return std::nullopt;
    co_return calls;
  };
  stream.start(pool, batched(source, 3, an_hour), unchanged, into(log), {});
  stream.to_the_end();
  CHECK(log == Batches{{1}});
  CHECK(calls == 2);
}

TEST_CASE("batched: time takes nothing away from a channel") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context, 4);
  Batches log;
  asio::co_spawn(
      stream.context,
      [](test::Channel& to) -> asio::awaitable<void> {
        for (int i = 0; i < 2'000; ++i) {
          co_await to.async_send(std::error_code(), i, asio::use_awaitable);
        }
        co_await to.async_send(asio::error::eof, 0, asio::use_awaitable);
      }(items),
      asio::detached);
  // Over at once: whether the next item or the end of the wait comes first is anybody's guess.
  stream.start(pool, batched(items, 8, 0ns), unchanged, into(log), {});
  stream.to_the_end();
  Batch all;
  for (const Batch& batch : log) {
    CHECK_FALSE(batch.empty());
    all.insert(all.end(), batch.begin(), batch.end());
  }
  Batch expected(2'000);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all == expected);
}

TEST_CASE("batched: a callable that waits for a channel is asked again when the time is over") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context);
  Batches log;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    co_return co_await items.async_receive(asio::use_awaitable);
  };
  stream.start(pool, batched(source, 3, 1ms), unchanged, into(log), {});
  Batch all;
  for (int i = 0; i < 3; ++i) {
    items.async_send(std::error_code(), i, [](std::error_code) {});
    // Nothing else comes, so only time can have ended the batch.
    stream.until([&] { return log.size() == static_cast<std::size_t>(i) + 1; });
    all.insert(all.end(), log.back().begin(), log.back().end());
  }
  CHECK(all == Batch{0, 1, 2});
  stream.cancel.emit(asio::cancellation_type::terminal);
  stream.to_the_end();
  CHECK(stream.failure() == "aborted");
}

TEST_CASE("batched: when the time is over all that has come is in the batch") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal end(stream.context, 1);
  Batches log;
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    if (taken == 3) {
      co_await end.async_receive(asio::use_awaitable);
      co_return std::nullopt;
    }
    co_return taken++;
  };
  Batch all;
  const auto sink = [&](const Batch& batch) { all.insert(all.end(), batch.begin(), batch.end()); };
  stream.start(pool, batched(source, 8, 1ms), unchanged, std::function<void(Batch)>(sink), {});
  stream.until([&] { return all.size() >= 3; });
  test::give(end);
  stream.to_the_end();
  CHECK(all == Batch{0, 1, 2});
}

TEST_CASE("batched: an item of a source that ignores the end of the time is in the batch") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal go_on(stream.context, 1);
  Batches log;
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    if (taken == 1) {
      co_await go_on.async_receive(
          asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
    }
    if (taken == 2) co_return std::nullopt;
    co_return taken++;
  };
  stream.start(pool, batched(source, 3, 0ns), unchanged, into(log), {});
  CHECK_FALSE(stream.ever([&] { return !log.empty(); }));
  test::give(go_on);
  stream.to_the_end();
  CHECK(log == Batches{{0, 1}});
}

TEST_CASE("batched: an error of the source comes without waiting for the time") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  Batches log;
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    if (taken == 3) co_return std::nullopt;
    if (++taken == 3) throw std::runtime_error("source");
    co_return taken;
  };
  stream.start(pool, batched(source, 8, an_hour), unchanged, into(log), {});
  stream.to_the_end();
  CHECK(stream.failure() == "source");
  CHECK(log.empty());
}

TEST_CASE("batched: an error of the source that comes when the time is over is told") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal go_on(stream.context, 1);
  Batches log;
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    if (taken == 0) co_return taken++;
    co_await go_on.async_receive(
        asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
    throw std::runtime_error("source");
  };
  stream.start(pool, batched(source, 3, 0ns), unchanged, into(log), {});
  CHECK_FALSE(stream.ever([&] { return stream.completions != 0; }));
  test::give(go_on);
  stream.to_the_end();
  CHECK(stream.failure() == "source");
  CHECK(log.empty());
}

TEST_CASE("batched: a channel that somebody else cancels is an error") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context);
  Batches log;
  stream.start(pool, batched(items, 3, an_hour), unchanged, into(log), {});
  items.async_send(std::error_code(), 0, [](std::error_code) {});
  CHECK_FALSE(stream.ever([&] { return stream.completions != 0; }));
  items.cancel();
  stream.to_the_end();
  CHECK(stream.failure() == "aborted");
  CHECK(log.empty());
}

TEST_CASE("batched: cancelled before and after the first item of a batch") {
  const bool first = GENERATE(false, true);
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context);
  Batches log;
  bool sent = false;
  stream.start(pool, batched(items, 3, an_hour), unchanged, into(log), {});
  if (first) {
    items.async_send(std::error_code(), 1, [&](std::error_code) { sent = true; });
    stream.until([&] { return sent; });
  }
  stream.context.restart();
  stream.context.poll();
  stream.cancel.emit(asio::cancellation_type::terminal);
  stream.context.restart();
  stream.context.run();
  CHECK(stream.completions == 1);
  CHECK(stream.failure() == "aborted");
  CHECK(log.empty());
}

TEST_CASE("batched: says what is wrong with its count") {
  int taken = 0;
  CHECK_THROWS_WITH(batched(test::numbers(1, taken), 0, an_hour),
                    "batched: max_items is 0, must be 1 or more");
}
