#include "millrace/stream.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/concurrent_channel.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <latch>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "streaming.hpp"
#include "support/catch.hpp"
#include "support/run.hpp"

using millrace::ComputePool;
using millrace::StreamOptions;
using millrace::StreamOrder;
using test::Streaming;

TEST_CASE("stream: ordered keeps the order though later items finish first") {
  ComputePool pool{{.threads = 3}};
  Streaming stream;
  std::latch others(2);
  std::vector<int> log;
  int taken = 0;
  const test::Work work = [&](int value) {
    if (value == 0) others.wait();
    if (value == 1 || value == 2) others.count_down();
    return 10 * value;
  };
  stream.start(pool, test::numbers(6, taken), work, test::into(log), {.in_flight = 3});
  stream.to_the_end();
  CHECK(stream.failure().empty());
  CHECK(stream.count == 6);
  CHECK(log == std::vector<int>{0, 10, 20, 30, 40, 50});
}

TEST_CASE("stream: unordered delivers results as they come") {
  ComputePool pool{{.threads = 2}};
  Streaming stream;
  std::latch others_delivered(3);
  std::vector<int> log;
  int taken = 0;
  const test::Work work = [&](int value) {
    if (value == 0) others_delivered.wait();
    return value;
  };
  const test::Sink sink = [&](int value) -> asio::awaitable<void> {
    log.push_back(value);
    if (value != 0) others_delivered.count_down();
    co_return;
  };
  stream.start(pool, test::numbers(4, taken), work, sink,
               {.in_flight = 2, .order = StreamOrder::unordered});
  stream.to_the_end();
  CHECK(stream.count == 4);
  CHECK(log == std::vector<int>{1, 2, 3, 0});
}

TEST_CASE("stream: never has more than in_flight items out, and as many if it can") {
  const StreamOrder order = GENERATE(StreamOrder::ordered, StreamOrder::unordered);
  ComputePool pool{{.threads = 4}};
  Streaming stream;
  std::atomic<int> running = 0;
  std::atomic<int> most_running = 0;
  std::barrier three(3);
  int out = 0;
  int most_out = 0;
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    if (taken == 300) co_return std::nullopt;
    most_out = std::max(most_out, ++out);
    co_return taken++;
  };
  const test::Work work = [&](int value) {
    const int now = ++running;
    for (int most = most_running; most < now && !most_running.compare_exchange_weak(most, now);) {
    }
    three.arrive_and_wait();  // wouldn't open with fewer
    --running;
    return value;
  };
  const test::Sink sink = [&](int) -> asio::awaitable<void> {
    --out;
    co_return;
  };
  stream.start(pool, source, work, sink, {.in_flight = 3, .order = order});
  stream.to_the_end();
  CHECK(stream.count == 300);
  CHECK(most_out == 3);
  CHECK(most_running == 3);
}

TEST_CASE("stream: a slow sink stops the source") {
  // By default, twice as many are out as there are workers.
  const StreamOptions options =
      GENERATE(StreamOptions{.in_flight = 3}, StreamOptions{},
               StreamOptions{.in_flight = 3, .order = StreamOrder::unordered});
  const int most = options.in_flight == 0 ? 2 : options.in_flight;
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal go_on(stream.context, 100);
  int taken = 0;
  int delivered = 0;
  const test::Sink sink = [&](int) -> asio::awaitable<void> {
    co_await go_on.async_receive(asio::use_awaitable);
    ++delivered;
  };
  stream.start(pool, test::numbers(10, taken), test::Work(test::unchanged), sink, options);
  for (int i = 0; i + most < 10; ++i) {
    stream.until([&] { return delivered == i && taken == i + most; });
    CHECK_FALSE(stream.ever([&] { return taken > i + most; }));
    test::give(go_on);
  }
  while (test::give(go_on)) {
  }
  stream.to_the_end();
  CHECK(stream.count == 10);
}

TEST_CASE("stream: from channel to channel, to the end that close makes") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  using Items = asio::experimental::channel<void(std::error_code, std::unique_ptr<int>)>;
  using Results = asio::experimental::concurrent_channel<void(std::error_code, std::string)>;
  Items items(context);
  Results results(context);
  std::vector<std::string> got;
  std::size_t count = 0;
  asio::co_spawn(
      context,
      [](Items& to) -> asio::awaitable<void> {
        for (int i = 0; i < 5; ++i) {
          std::unique_ptr<int> item = std::make_unique<int>(i);
          co_await to.async_send(std::error_code(), std::move(item), asio::use_awaitable);
        }
        to.close();
      }(items),
      asio::detached);
  asio::co_spawn(
      context,
      [](Results& from, std::vector<std::string>& log) -> asio::awaitable<void> {
        while (log.size() < 5) log.push_back(co_await from.async_receive(asio::use_awaitable));
      }(results, got),
      asio::detached);
  test::run(context,
            [](auto& p, Items& from, Results& to, std::size_t& n) -> asio::awaitable<void> {
              const auto digits = [](std::unique_ptr<int> item) { return std::to_string(*item); };
              n = co_await millrace::stream(p, from, digits, to);
            }(pool, items, results, count));
  CHECK(count == 5);
  CHECK(got == std::vector<std::string>{"0", "1", "2", "3", "4"});
  CHECK(results.is_open());
}

TEST_CASE("stream: eof in a buffered channel is an end, too") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context, 10);
  for (int i = 0; i < 4; ++i) items.try_send(std::error_code(), i);
  items.try_send(asio::error::eof, 0);
  int sum = 0;
  stream.start(pool, items, test::Work(test::unchanged), [&](int value) { sum += value; }, {});
  stream.to_the_end();
  CHECK(stream.failure().empty());
  CHECK(stream.count == 4);
  CHECK(sum == 6);
}

TEST_CASE("stream: an empty one completes with 0, not inside the call") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  std::vector<int> log;
  int taken = 0;
  stream.start(pool, test::numbers(0, taken), test::Work(test::unchanged), test::into(log), {});
  CHECK(stream.completions == 0);
  stream.context.run();
  CHECK(stream.completions == 1);
  CHECK(stream.failure().empty());
  CHECK(stream.count == 0);
  CHECK(pool.metrics().submitted == 0);

  test::Channel closed(stream.context);
  closed.close();
  stream.start(pool, closed, test::Work(test::unchanged), [](int) {}, {});
  stream.context.restart();
  stream.context.run();
  CHECK(stream.completions == 2);
  CHECK(stream.count == 0);
}

TEST_CASE("stream: 100000 items") {
  const StreamOrder order = GENERATE(StreamOrder::ordered, StreamOrder::unordered);
  ComputePool pool{{.threads = 2}};
  Streaming stream;
  int taken = 0;
  long sum = 0;
  bool in_order = true;
  int last = -1;
  const test::Sink sink = [&](int value) -> asio::awaitable<void> {
    in_order = in_order && value == last + 1;
    last = value;
    sum += value;
    co_return;
  };
  stream.start(pool, test::numbers(100'000, taken), test::Work(test::unchanged), sink,
               {.in_flight = 64, .order = order});
  stream.context.run();
  CHECK(stream.completions == 1);
  CHECK(stream.count == 100'000);
  CHECK(sum == 4'999'950'000);
  CHECK((in_order || order == StreamOrder::unordered));
  CHECK(pool.metrics().completed == 100'000);
}

TEST_CASE("stream: source and sink never run at the same time on a context with many threads") {
  ComputePool pool{{.threads = 2}};
  asio::thread_pool threads(4);
  std::atomic<int> inside = 0;
  std::atomic<bool> overlapped = false;
  int taken = 0;  // not atomic: whoever counts here counts alone
  int delivered = 0;
  const auto alone = [&](auto action) {
    if (++inside != 1) overlapped = true;
    std::this_thread::yield();
    action();
    --inside;
  };
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    if (taken == 5'000) co_return std::nullopt;
    alone([&] { ++taken; });
    co_return taken;
  };
  const test::Sink sink = [&](int) -> asio::awaitable<void> {
    alone([&] { ++delivered; });
    co_return;
  };
  const std::size_t count =
      asio::co_spawn(
          threads,
          [](auto& p, const test::Source& from,
             const test::Sink& to) -> asio::awaitable<std::size_t> {
            co_return co_await millrace::stream(
                p, from, test::Work(test::unchanged), to,
                StreamOptions{.in_flight = 8, .order = StreamOrder::unordered});
          }(pool, source, sink),
          asio::use_future)
          .get();
  CHECK(count == 5'000);
  CHECK(delivered == 5'000);
  CHECK_FALSE(overlapped);
}

TEST_CASE("stream: a handler without executor has all of it run on workers") {
  ComputePool pool{{.threads = 1}};
  std::atomic<int> elsewhere = 0;
  const auto worker = pool.execute_sync([] { return std::this_thread::get_id(); });
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    elsewhere += std::this_thread::get_id() != worker;
    if (taken == 10) co_return std::nullopt;
    co_return taken++;
  };
  const test::Sink sink = [&](int) -> asio::awaitable<void> {
    elsewhere += std::this_thread::get_id() != worker;
    co_return;
  };
  CHECK(millrace::stream(pool, source, test::Work(test::unchanged), sink, {}, asio::use_future)
            .get() == 10);
  CHECK(elsewhere == 0);
}

TEST_CASE("stream: options name what is wrong with them") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  std::vector<int> log;
  int taken = 0;
  CHECK_THROWS_WITH(stream.start(pool, test::numbers(1, taken), test::Work(test::unchanged),
                                 test::into(log), {.in_flight = -1}),
                    "StreamOptions::in_flight is -1, must be 0 or more");
}
