#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "millrace/stream.hpp"
#include "streaming.hpp"
#include "support/catch.hpp"
#include "support/outcome.hpp"

using millrace::ComputePool;
using millrace::StreamOrder;
using test::Streaming;

namespace {

// Given after the last item: never comes, and tells when it is called off.
asio::awaitable<std::optional<int>> nothing_more(test::Signal& never, std::latch& called_off) {
  std::error_code error;
  co_await never.async_receive(asio::redirect_error(asio::use_awaitable, error));
  called_off.count_down();
  throw std::runtime_error("the source was called off");
}

}  // namespace

TEST_CASE("stream: of two jobs that throw, the order decides which is told") {
  const StreamOrder order = GENERATE(StreamOrder::ordered, StreamOrder::unordered);
  ComputePool pool{{.threads = 2}};
  Streaming stream;
  test::Signal never(stream.context);
  std::latch source_called_off(1);
  std::vector<int> log;
  int taken = 0;
  const test::Source two = test::numbers(2, taken);
  const test::Source source = [&] {
    return taken == 2 ? nothing_more(never, source_called_off) : two();
  };
  const test::Work work = [&](int value) -> int {
    if (value == 1) throw std::runtime_error("second, thrown first");
    source_called_off.wait();  // so the stream knows of the other
    throw std::runtime_error("first, thrown second");
  };
  stream.start(pool, source, work, test::into(log), {.in_flight = 3, .order = order});
  stream.to_the_end();
  CHECK(stream.failure() ==
        (order == StreamOrder::ordered ? "first, thrown second" : "second, thrown first"));
  CHECK(log.empty());
  CHECK(stream.completions == 1);
}

TEST_CASE("stream: an error of the source calls off what hasn't begun and waits for what runs") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  std::latch go_on(1);
  std::vector<int> log;
  std::atomic<int> begun = 0;
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    while (begun == 0 && taken == 1) std::this_thread::yield();
    if (taken == 3) throw std::runtime_error("source");
    co_return taken++;
  };
  const test::Work work = [&](int value) {
    ++begun;
    go_on.wait();
    return value;
  };
  stream.start(pool, source, work, test::into(log), {.in_flight = 4});
  stream.until([&] { return pool.metrics().cancelled == 2; });
  CHECK_FALSE(stream.ever([&] { return stream.completions != 0; }));
  go_on.count_down();
  stream.to_the_end();
  CHECK(stream.failure() == "source");
  CHECK(begun == 1);
  CHECK(log.empty());
}

TEST_CASE("stream: an ordered sink gets all before some item and none after an error") {
  ComputePool pool{{.threads = 2}};
  Streaming stream;
  std::vector<int> log;
  int taken = 0;
  const test::Work work = [](int value) {
    if (value == 50) throw std::runtime_error("job");
    return value;
  };
  stream.start(pool, test::numbers(100, taken), work, test::into(log), {.in_flight = 4});
  stream.to_the_end();
  CHECK(stream.failure() == "job");
  CHECK(log.size() <= 50);
  CHECK(log.size() >= 47);  // 50 was taken with three others out, at most
  for (std::size_t i = 0; i < log.size(); ++i) CHECK(log[i] == static_cast<int>(i));
  CHECK(taken <= 54);
}

TEST_CASE("stream: an error of the sink ends it") {
  const StreamOrder order = GENERATE(StreamOrder::ordered, StreamOrder::unordered);
  ComputePool pool{{.threads = 2}};
  Streaming stream;
  int taken = 0;
  int calls = 0;
  const test::Sink sink = [&](int) -> asio::awaitable<void> {
    if (++calls == 3) throw std::runtime_error("sink");
    co_return;
  };
  stream.start(pool, test::numbers(100, taken), test::Work(test::unchanged), sink,
               {.in_flight = 4, .order = order});
  stream.to_the_end();
  CHECK(stream.failure() == "sink");
  CHECK(calls == 3);
  CHECK(taken <= 6);
}

TEST_CASE("stream: a sink that is at work when a job throws ends its item") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal go_on(stream.context, 1);
  test::Signal never(stream.context);
  std::latch source_called_off(1);
  bool sinking = false;
  std::vector<int> log;
  int taken = 0;
  const test::Source two = test::numbers(2, taken);
  const test::Source source = [&] {
    return taken == 2 ? nothing_more(never, source_called_off) : two();
  };
  std::latch sink_begun(1);
  const test::Work work = [&](int value) {
    if (value == 0) return value;
    sink_begun.wait();
    throw std::runtime_error("job");
  };
  const test::Sink sink = [&](int value) -> asio::awaitable<void> {
    sinking = true;
    sink_begun.count_down();
    co_await go_on.async_receive(asio::use_awaitable);
    log.push_back(value);
  };
  stream.start(pool, source, work, sink, {.in_flight = 3});
  stream.until([&] { return sinking && source_called_off.try_wait(); });
  CHECK_FALSE(stream.ever([&] { return stream.completions != 0; }));
  test::give(go_on);
  stream.to_the_end();
  CHECK(stream.failure() == "job");
  CHECK(log == std::vector<int>{0});
}

TEST_CASE("stream: a stopped pool is an error") {
  ComputePool pool{{.threads = 1}};
  pool.shutdown();
  Streaming stream;
  std::vector<int> log;
  int taken = 0;
  stream.start(pool, test::numbers(5, taken), test::Work(test::unchanged), test::into(log), {});
  stream.to_the_end();
  CHECK(stream.failure() == std::system_error(millrace::errc::pool_shut_down).what());
}

TEST_CASE("stream: jobs whose outcome doesn't matter any more are asked to stop") {
  ComputePool pool{{.threads = 2}};
  Streaming stream;
  std::latch both_run(2);
  std::vector<int> log;
  int taken = 0;
  const test::StoppableWork work = [&](int value, const std::stop_token& stop) -> int {
    both_run.arrive_and_wait();
    if (value == 0) throw std::runtime_error("first");
    while (!stop.stop_requested()) std::this_thread::yield();
    throw std::runtime_error("stopped");
  };
  stream.start(pool, test::numbers(2, taken), work, test::into(log), {.in_flight = 2});
  stream.to_the_end();
  CHECK(stream.failure() == "first");
}

TEST_CASE("stream: jobs whose exception may be the one that counts are not asked to stop") {
  ComputePool pool{{.threads = 2}};
  Streaming stream;
  test::Signal never(stream.context);
  std::latch source_called_off(1);
  std::atomic<bool> asked = false;
  std::vector<int> log;
  int taken = 0;
  const test::Source two = test::numbers(2, taken);
  const test::Source source = [&] {
    return taken == 2 ? nothing_more(never, source_called_off) : two();
  };
  const test::StoppableWork work = [&](int value, const std::stop_token& stop) {
    if (value == 1) throw std::runtime_error("second");
    source_called_off.wait();
    asked = stop.stop_requested();
    return value;
  };
  stream.start(pool, source, work, test::into(log), {.in_flight = 3});
  stream.to_the_end();
  CHECK(stream.failure() == "second");
  CHECK_FALSE(asked);
  CHECK(log.empty());
}

TEST_CASE("stream: an item that a source gives after an error is not computed") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal go_on(stream.context, 1);
  std::atomic<bool> computed = false;
  std::vector<int> log;
  int taken = 0;
  const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
    if (taken == 1) {
      co_await go_on.async_receive(
          asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable));
    }
    co_return taken++;
  };
  const test::Work work = [&](int value) -> int {
    if (value == 0) throw std::runtime_error("job");
    computed = true;
    return value;
  };
  stream.start(pool, source, work, test::into(log), {.in_flight = 2});
  stream.until([&] { return pool.metrics().failed == 1; });
  CHECK_FALSE(stream.ever([&] { return stream.completions != 0; }));
  test::give(go_on);
  stream.to_the_end();
  CHECK(stream.failure() == "job");
  CHECK_FALSE(computed);
  CHECK(taken == 2);
}

TEST_CASE("stream: the job's options are those of every item") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  std::vector<int> log;
  int taken = 0;
  stream.start(pool, test::numbers(3, taken), test::Work(test::unchanged), test::into(log),
               {.job = {.label = "items"}});
  stream.to_the_end();
  const auto metrics = pool.metrics();
  REQUIRE(metrics.by_label.size() == 1);
  CHECK(metrics.by_label.front().label == "items");
  CHECK(metrics.by_label.front().completed == 3);
}

TEST_CASE("stream: cancelled while the source waits") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Channel items(stream.context);
  stream.start(pool, items, test::Work(test::unchanged), [](int) {}, {.in_flight = 3});
  stream.context.poll();
  stream.cancel.emit(asio::cancellation_type::total);  // promises too much: not heeded
  CHECK_FALSE(stream.ever([&] { return stream.completions != 0; }));
  const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial);
  stream.cancel.emit(type);
  CHECK(stream.completions == 0);
  stream.context.restart();
  stream.context.run();
  CHECK(stream.completions == 1);
  CHECK(stream.failure() == "aborted");
  stream.cancel.emit(type);  // too late
}

TEST_CASE("stream: cancelled with jobs that run and jobs that don't") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  std::atomic<int> begun = 0;
  std::vector<int> log;
  int taken = 0;
  const test::StoppableWork work = [&](int value, const std::stop_token& stop) {
    ++begun;
    while (!stop.stop_requested()) std::this_thread::yield();
    return value;
  };
  stream.start(pool, test::numbers(100, taken), work, test::into(log), {.in_flight = 3});
  stream.until([&] { return begun == 1 && taken == 3; });
  stream.cancel.emit(asio::cancellation_type::terminal);
  stream.to_the_end();
  CHECK(stream.failure() == "aborted");
  CHECK(begun == 1);
  CHECK(taken == 3);
  CHECK(log.empty());
  CHECK(pool.metrics().cancelled == 2);
}

TEST_CASE("stream: cancelled it calls off what hasn't begun before it stops what runs") {
  std::atomic<int> begun = 0;
  std::optional<std::stop_callback<std::function<void()>>> told;
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  std::vector<int> log;
  int taken = 0;
  const test::StoppableWork work = [&](int value, const std::stop_token& stop) {
    if (++begun == 1) {
      // Inside the call that tells the job to stop: time for its worker to begin another one.
      told.emplace(stop, [&] {
        for (int i = 0; i < 20'000 && begun == 1; ++i) std::this_thread::yield();
      });
    }
    while (!stop.stop_requested()) std::this_thread::yield();
    return value;
  };
  stream.start(pool, test::numbers(3, taken), work, test::into(log), {.in_flight = 3});
  stream.until([&] { return begun == 1 && taken == 3; });
  stream.cancel.emit(asio::cancellation_type::terminal);
  stream.to_the_end();
  CHECK(stream.failure() == "aborted");
  CHECK(begun == 1);
}

TEST_CASE("stream: cancelled while the sink waits") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal never(stream.context);
  bool sinking = false;
  const int items = GENERATE(1, 100);  // the source has ended by then, or not
  int taken = 0;
  const test::Sink sink = [&](int) -> asio::awaitable<void> {
    sinking = true;
    co_await never.async_receive(asio::use_awaitable);
  };
  stream.start(pool, test::numbers(items, taken), test::Work(test::unchanged), sink,
               {.in_flight = 3});
  stream.until([&] { return sinking; });
  CHECK_FALSE(stream.ever([&] { return stream.completions != 0; }));
  stream.cancel.emit(asio::cancellation_type::terminal);
  stream.to_the_end();
  CHECK(stream.failure() == "aborted");
}

TEST_CASE("stream: cancelled too late to keep anything back completes with the number") {
  ComputePool pool{{.threads = 1}};
  Streaming stream;
  test::Signal go_on(stream.context, 1);
  bool sinking = false;
  int taken = 0;
  const test::Sink sink = [&](int) -> asio::awaitable<void> {
    sinking = true;
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await go_on.async_receive(asio::use_awaitable);
  };
  stream.start(pool, test::numbers(1, taken), test::Work(test::unchanged), sink, {.in_flight = 2});
  stream.until([&] { return sinking; });
  stream.context.poll();
  stream.cancel.emit(asio::cancellation_type::terminal);
  stream.context.poll();
  test::give(go_on);
  stream.to_the_end();
  CHECK(stream.failure().empty());
  CHECK(stream.count == 1);
}

TEST_CASE("stream: cancelled on a context with many threads") {
  ComputePool pool{{.threads = 2}};
  asio::thread_pool threads(3);
  for (int i = 0; i < 20; ++i) {
    const auto strand = asio::make_strand(threads);
    asio::cancellation_signal cancel;
    const auto ended = std::make_shared<std::promise<std::error_code>>();
    int taken = 0;
    const test::Source source = [&]() -> asio::awaitable<std::optional<int>> {
      if (++taken == 20) {
        asio::post(strand, [&] { cancel.emit(asio::cancellation_type::terminal); });
      }
      co_return taken;
    };
    int delivered = 0;
    const test::Sink sink = [&](int) -> asio::awaitable<void> {
      ++delivered;
      co_return;
    };
    asio::post(strand, [&] {
      millrace::stream(pool, source, test::Work(test::unchanged), sink, {.in_flight = 4},
                       asio::bind_cancellation_slot(
                           cancel.slot(),
                           asio::bind_executor(strand, [ended](std::exception_ptr e, std::size_t) {
                             ended->set_value(test::code_of(e));
                           })));
    });
    CHECK(ended->get_future().get() == asio::error::operation_aborted);
    CHECK(delivered <= taken);
  }
}

TEST_CASE("stream: its parts are destroyed before its completion can be seen") {
  ComputePool pool{{.threads = 2}};
  asio::io_context context;
  auto alive = std::make_shared<int>();
  const std::weak_ptr<int> still = alive;
  int taken = 0;
  int completions = 0;
  const test::Source source = [alive, from = test::numbers(10, taken)] { return from(); };
  const test::Work work = [alive](int value) { return value; };
  const test::Sink sink = [alive](int) -> asio::awaitable<void> { co_return; };
  alive.reset();
  const long kept_here = still.use_count();
  long kept = 0;
  millrace::stream(pool, source, work, sink, {},
                   asio::bind_executor(context, [&](std::exception_ptr, std::size_t) {
                     ++completions;
                     kept = still.use_count();
                   }));
  CHECK(still.use_count() > kept_here);
  context.run();
  CHECK(completions == 1);
  CHECK(kept == kept_here);
}

TEST_CASE("stream: its parts are gone and its slot is cleared before its completion can be seen") {
  ComputePool pool{{.threads = 1}};
  asio::cancellation_signal cancel;
  asio::io_context context;
  auto alive = std::make_shared<int>();
  const std::weak_ptr<int> still = alive;
  int completions = 0;
  bool parts_gone = false;
  bool slot_cleared = false;
  millrace::stream(
      pool, [alive]() -> asio::awaitable<std::optional<int>> { co_return std::nullopt; },
      [alive](int value) { return value; }, [alive](int) {}, {},
      asio::bind_cancellation_slot(
          cancel.slot(), asio::bind_executor(context, [&](std::exception_ptr, std::size_t) {
            ++completions;
            parts_gone = still.expired();
            slot_cleared = !cancel.slot().has_handler();
          })));
  alive.reset();
  CHECK(cancel.slot().has_handler());
  context.run();
  CHECK(completions == 1);
  CHECK(parts_gone);
  CHECK(slot_cleared);
}

TEST_CASE("stream: a context that goes destroys it wherever it is") {
  enum class Waits { source, job, queue, sink };
  const Waits where = GENERATE(Waits::source, Waits::job, Waits::queue, Waits::sink);
  ComputePool pool{{.threads = 1}};
  auto stream = std::make_unique<Streaming>();
  auto alive = std::make_shared<int>();
  auto never = std::make_shared<test::Signal>(stream->context);
  const std::weak_ptr<int> still = alive;
  std::atomic<int> running = 0;
  std::atomic<bool> context_goes = false;
  std::atomic<bool> wrong = false;
  bool waits = false;
  int taken = 0;
  const auto wait =
      [&waits](const std::shared_ptr<test::Signal>& for_ever) -> asio::awaitable<void> {
    waits = true;
    co_await for_ever->async_receive(asio::use_awaitable);
  };
  {
    test::Source source = [&, alive, never]() -> asio::awaitable<std::optional<int>> {
      if (where == Waits::source && taken == 1) co_await wait(never);
      co_return taken++;
    };
    test::Work work = [&, own = std::shared_ptr<int>(alive)](int value) {
      ++running;
      if (where == Waits::job || where == Waits::queue) {
        while (!context_goes) std::this_thread::yield();
      }
      if (*own != 0) wrong = true;  // would be freed memory
      return value;
    };
    test::Sink sink = [&, alive, never](int) -> asio::awaitable<void> {
      if (where == Waits::sink) co_await wait(never);
    };
    stream->start(pool, std::move(source), std::move(work), std::move(sink),
                  {.in_flight = where == Waits::job ? 1 : 3});
  }
  alive.reset();
  never.reset();
  stream->until([&] {
    switch (where) {
      case Waits::job:
        return running == 1;
      case Waits::queue:
        return running == 1 && taken == 3;
      default:
        return waits;
    }
  });
  std::thread later([&] {
    for (int i = 0; i < 50; ++i) std::this_thread::yield();
    context_goes = true;
  });
  stream.reset();
  later.join();
  CHECK(still.expired());
  CHECK_FALSE(wrong);
}
