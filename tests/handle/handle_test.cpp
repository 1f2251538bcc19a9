#include "millrace/handle.hpp"

#include <asio/any_io_executor.hpp>
#include <asio/bind_allocator.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include "support/asio_compat.hpp"
#include "support/busy_pool.hpp"
#include "support/catch.hpp"
#include "support/counting_allocator.hpp"
#include "support/job_types.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"

using asio::cancellation_type;
using millrace::ComputeHandle;
using millrace::ComputePool;
using millrace::errc;
using test::BusyPool;
using test::code_of;

namespace {

const std::error_code aborted = asio::error::operation_aborted;

// What a wait completes with, on a loop of its own.
struct Waiter {
  asio::io_context context;
  int calls = 0;
  std::exception_ptr error;
  int value = -1;

  [[nodiscard]] auto token() {
    return asio::bind_executor(context, [this](std::exception_ptr e, int v) {
      ++calls;
      error = std::move(e);
      value = v;
    });
  }
};

// What the job of the handle completes with, whatever its value.
template <class R>
std::error_code code_of_wait(ComputeHandle<R>& handle) {
  try {
    handle.async_wait(asio::use_future).get();
    return {};
  } catch (const std::system_error& error) {
    return error.code();
  }
}

void wait_for_stop(const std::stop_token& stop) {
  while (!stop.stop_requested()) std::this_thread::yield();
}

}  // namespace

// --- Result and completion ---

TEST_CASE("a spawned job runs at once and is awaited later") {
  ComputePool pool{{.threads = 1}};
  std::latch ran(1);
  auto handle = millrace::spawn(pool, [&] {
    ran.count_down();
    return pool.get_executor().running_in_this_thread();
  });
  static_assert(std::is_same_v<decltype(handle), ComputeHandle<bool>>);
  CHECK(handle.valid());
  ran.wait();
  bool on_worker = false;
  std::thread::id resumed;
  test::run([](auto& h, bool& on, std::thread::id& on_thread) -> asio::awaitable<void> {
    on = co_await h.async_wait();
    on_thread = std::this_thread::get_id();
  }(handle, on_worker, resumed));
  CHECK(on_worker);
  CHECK(resumed == std::this_thread::get_id());
}

TEST_CASE("every kind of result reaches who awaits it") {
  ComputePool pool{{.threads = 1}};
  int referred = 1;
  auto reference = millrace::spawn(pool, [&]() -> int& { return referred; });
  auto nothing = millrace::spawn(pool, [] {});
  auto movable =
      millrace::spawn(pool, [own = std::make_unique<int>(3)]() mutable { return std::move(own); });
  auto no_default = millrace::spawn(pool, [] { return test::NoDefault(4); });
  test::run([](auto& r, auto& n, auto& m, auto& d) -> asio::awaitable<void> {
    int& back = co_await r.async_wait();
    back = 2;
    co_await n.async_wait();
    const std::unique_ptr<int> own = co_await m.async_wait();
    CHECK(*own == 3);
    const test::NoDefault made = co_await d.async_wait();
    CHECK(made.value == 4);
  }(reference, nothing, movable, no_default));
  CHECK(referred == 2);
}

TEST_CASE("what the job throws arrives where it is awaited") {
  ComputePool pool{{.threads = 1}};
  auto handle = millrace::spawn(pool, []() -> test::NoDefault { throw std::domain_error("no"); });
  pool.async_drain(asio::use_future).get();
  CHECK(handle.ready());
  bool caught = false;
  test::run([](auto& h, bool& c) -> asio::awaitable<void> {
    try {
      co_await h.async_wait();
    } catch (const std::domain_error&) {
      c = true;
    }
  }(handle, caught));
  CHECK(caught);
  CHECK(pool.metrics().failed == 1);
  CHECK(pool.execute_sync([] { return 1; }) == 1);
}

TEST_CASE("a handle tells whether its job has ended") {
  ComputePool pool{{.threads = 1}};
  std::latch release(1);
  auto handle = millrace::spawn(pool, [&] { release.wait(); });
  CHECK_FALSE(handle.ready());
  release.count_down();
  pool.async_drain(asio::use_future).get();
  CHECK(handle.ready());
  handle.async_wait(asio::use_future).get();
  CHECK(handle.ready());
  CHECK_FALSE(ComputeHandle<int>().ready());
}

TEST_CASE("a wait never completes inside the call that begins it") {
  ComputePool pool{{.threads = 1}};
  Waiter waiter;
  auto handle = millrace::spawn(pool, [] { return 5; });
  SECTION("the job has ended") {
    pool.async_drain(asio::use_future).get();
  }
  SECTION("the handle is spent") {
    CHECK(handle.async_wait(asio::use_future).get() == 5);
  }
  handle.async_wait(waiter.token());
  CHECK(waiter.calls == 0);
  waiter.context.run();
  CHECK(waiter.calls == 1);
}

TEST_CASE("a handler without executor is not called inside the wait for a job that has ended") {
  ComputePool pool{{.threads = 1}};
  auto handle = millrace::spawn(pool, [] {});
  pool.async_drain(asio::use_future).get();
  std::promise<std::thread::id> called_on;
  handle.async_wait(
      [&](const std::exception_ptr&) { called_on.set_value(std::this_thread::get_id()); });
  CHECK(called_on.get_future().get() != std::this_thread::get_id());
}

TEST_CASE("run() stays until the awaited job has ended") {
  ComputePool pool{{.threads = 1}};
  Waiter waiter;
  std::latch release(1);
  auto handle = millrace::spawn(pool, [&] {
    release.wait();
    return 6;
  });
  handle.async_wait(waiter.token());
  waiter.context.poll();
  CHECK_FALSE(waiter.context.stopped());
  release.count_down();
  waiter.context.run();
  CHECK(waiter.value == 6);
}

TEST_CASE("a handle is awaited on another executor than the one that spawned") {
  ComputePool pool{{.threads = 1}};
  asio::thread_pool threads(2);
  std::optional<ComputeHandle<int>> handle;
  test::run([](ComputePool<>& p, auto& h) -> asio::awaitable<void> {
    h = millrace::spawn(p, [] { return 7; });
    co_return;
  }(pool, handle));
  const auto strand = asio::make_strand(threads);
  std::promise<bool> on_strand;
  handle->async_wait(asio::bind_executor(strand, [&](const std::exception_ptr& error, int value) {
    on_strand.set_value(!error && value == 7 && strand.running_in_this_thread());
  }));
  CHECK(on_strand.get_future().get());
}

TEST_CASE("a handler without executor runs on the worker that ran the job") {
  ComputePool pool{{.threads = 1}};
  std::latch awaited(1);
  std::promise<bool> on_worker;
  auto handle = millrace::spawn(pool, [&] { awaited.wait(); });
  handle.async_wait([&](const std::exception_ptr&) {
    on_worker.set_value(pool.get_executor().running_in_this_thread());
  });
  awaited.count_down();
  CHECK(on_worker.get_future().get());
}

TEST_CASE("captures and memory of a wait are gone before its handler is called") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  test::AllocationCounts memory;
  std::atomic<bool> captures_gone = false;
  std::latch awaited(1);
  bool gone_before = false;
  int live_in_handler = -1;
  auto handle = millrace::spawn(
      pool, [&, gone = test::AtEnd([&] { captures_gone = true; })] { awaited.wait(); });
  handle.async_wait(asio::bind_executor(
      context,
      asio::bind_allocator(test::CountingAllocator<void>(memory), [&](const std::exception_ptr&) {
        gone_before = captures_gone;
        live_in_handler = memory.live;
      })));
  CHECK(memory.live == 1);
  awaited.count_down();
  context.run();
  CHECK(gone_before);
  CHECK(live_in_handler == 0);
  CHECK(memory.made == 1);
}

namespace {

// Has no memory while `refuse`.
template <class T>
struct RefusingAllocator {
  using value_type = T;

  explicit RefusingAllocator(const bool& r) noexcept : refuse(&r) {}
  template <class U>
  RefusingAllocator(const RefusingAllocator<U>& other) noexcept  // NOLINT: as allocators do
      : refuse(other.refuse) {}

  T* allocate(std::size_t n) {
    if (*refuse) throw std::bad_alloc();
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) noexcept { std::allocator<T>().deallocate(memory, n); }
  friend bool operator==(RefusingAllocator a, RefusingAllocator b) noexcept {
    return a.refuse == b.refuse;
  }

  const bool* refuse;
};

}  // namespace

TEST_CASE("a wait that there is no memory for can be tried again") {
  ComputePool pool{{.threads = 1}};
  bool refuse = true;
  asio::cancellation_signal signal;
  auto handle = millrace::spawn(pool, [] { return 16; });
  Waiter waiter;
  const auto try_it = [&] {
    handle.async_wait(asio::bind_cancellation_slot(
        signal.slot(), asio::bind_allocator(RefusingAllocator<void>(refuse), waiter.token())));
    CHECK(signal.slot().has_handler() != refuse);
    waiter.context.restart();
    waiter.context.run();
  };
  try_it();
  REQUIRE(waiter.error);
  CHECK_THROWS_AS(std::rethrow_exception(waiter.error), std::bad_alloc);
  refuse = false;
  try_it();
  CHECK(waiter.calls == 2);
  CHECK(waiter.value == 16);
}

TEST_CASE("JobOptions come before the callable") {
  BusyPool busy;
  auto late = millrace::spawn(
      busy.pool, {.deadline = std::chrono::steady_clock::now(), .label = "late"}, [] { return 1; });
  CHECK(code_of_wait(late) == errc::deadline_exceeded);
  auto after = millrace::spawn(busy.pool, {.priority = millrace::Priority::low},
                               [&] { return busy.pool.metrics().started; });
  auto urgent = millrace::spawn(busy.pool, {.priority = millrace::Priority::high},
                                [&] { return busy.pool.metrics().started; });
  busy.free_workers();
  CHECK(after.async_wait(asio::use_future).get() == 3);
  CHECK(urgent.async_wait(asio::use_future).get() == 2);
  const auto metrics = busy.pool.metrics();
  CHECK(metrics.expired == 1);
  REQUIRE(metrics.by_label.size() == 1);
  CHECK(metrics.by_label[0].label == "late");
}

TEST_CASE("a full pool that rejects says so where the job is awaited") {
  ComputePool pool{{.threads = 1, .max_pending = 1, .overflow = millrace::Overflow::reject}};
  std::latch running(1);
  std::latch release(1);
  auto first = millrace::spawn(pool, [&] {
    running.count_down();
    release.wait();
  });
  running.wait();
  auto second = millrace::spawn(pool, [] {});
  auto third = millrace::spawn(pool, [] {});
  CHECK_FALSE(second.ready());
  CHECK(third.ready());
  CHECK(code_of_wait(third) == errc::queue_full);
  release.count_down();
  CHECK(code_of_wait(second) == std::error_code());
}

// --- Once ---

TEST_CASE("a handle is awaited once") {
  ComputePool pool{{.threads = 1}};
  auto handle = millrace::spawn(pool, [] { return 8; });
  SECTION("one wait after the other") {
    CHECK(handle.async_wait(asio::use_future).get() == 8);
    CHECK(code_of_wait(handle) == errc::handle_spent);
  }
  SECTION("two waits at a time") {
    std::latch release(1);
    handle = millrace::spawn(pool, [&] {
      release.wait();
      return 8;
    });
    Waiter waiter;
    handle.async_wait(waiter.token());
    CHECK(code_of_wait(handle) == errc::handle_spent);
    release.count_down();
    waiter.context.run();
    CHECK(waiter.value == 8);
  }
  SECTION("the one of two operations that is started first") {
    auto one = handle.async_wait(test::deferred);
    auto two = handle.async_wait(test::deferred);
    CHECK(std::move(two)(asio::use_future).get() == 8);
    CHECK_THROWS_AS(std::move(one)(asio::use_future).get(), std::system_error);
  }
}

TEST_CASE("a handle without a job has nothing to wait for") {
  ComputePool pool{{.threads = 1}};
  ComputeHandle<int> handle;
  SECTION("never had one") {}
  SECTION("moved away") {
    handle = millrace::spawn(pool, [] { return 1; });
    ComputeHandle<int> other(std::move(handle));
    CHECK(other.async_wait(asio::use_future).get() == 1);
  }
  SECTION("detached") {
    handle = millrace::spawn(pool, [] { return 1; });
    handle.detach();
  }
  CHECK_FALSE(handle.valid());
  handle.cancel();
  handle.detach();
  CHECK(code_of_wait(handle) == errc::handle_spent);
}

TEST_CASE("a wait that is started when its handle has gone finds nothing") {
  BusyPool busy;
  auto handle = std::make_optional(millrace::spawn(busy.pool, [] { return 1; }));
  auto wait = handle->async_wait(test::deferred);
  SECTION("dropped") {
    handle.reset();
  }
  SECTION("detached") {
    handle->detach();
  }
  std::error_code code;
  try {
    std::move(wait)(asio::use_future).get();
  } catch (const std::system_error& error) {
    code = error.code();
  }
  CHECK(code == errc::handle_spent);
}

// --- Cancellation ---

TEST_CASE("cancelled before it begins a spawned job never runs [P11]") {
  BusyPool busy;
  std::atomic<bool> ran = false;
  std::atomic<bool> captures_gone = false;
  auto handle = millrace::spawn(busy.pool, [&, gone = test::AtEnd([&] { captures_gone = true; })] {
    ran = true;
    return 1;
  });
  Waiter waiter;
  const auto cancel = [&] { std::thread([&] { handle.cancel(); }).join(); };
  SECTION("not awaited yet") {
    cancel();
    CHECK(handle.ready());
    CHECK(captures_gone);
    handle.async_wait(waiter.token());
  }
  SECTION("awaited") {
    handle.async_wait(waiter.token());
    cancel();
    cancel();
    CHECK(waiter.calls == 0);
  }
  waiter.context.run();  // before the worker is free
  CHECK(waiter.calls == 1);
  CHECK(code_of(waiter.error) == aborted);
  CHECK(busy.pool.metrics().cancelled == 1);
  CHECK(busy.pool.metrics().pending == 0);
  busy.free_workers();
  busy.pool.execute_sync([] {});
  CHECK_FALSE(ran);
}

TEST_CASE("cancelled while it runs a spawned job sees its stop token and its value wins [P12]") {
  ComputePool pool{{.threads = 1}};
  std::latch running(1);
  auto handle = millrace::spawn(pool, [&](const std::stop_token& stop) {
    running.count_down();
    wait_for_stop(stop);
    return 9;
  });
  running.wait();
  std::thread other([&] { handle.cancel(); });
  CHECK(handle.async_wait(asio::use_future).get() == 9);
  other.join();
  CHECK(pool.metrics().cancelled == 0);
}

TEST_CASE("cancelling a spawned job that has ended has no effect [P13]") {
  ComputePool pool{{.threads = 1}};
  auto handle = millrace::spawn(pool, [] { return 10; });
  pool.async_drain(asio::use_future).get();
  handle.cancel();
  CHECK(handle.async_wait(asio::use_future).get() == 10);
  handle.cancel();
  CHECK(pool.metrics().completed == 1);
}

TEST_CASE("cancelling the wait cancels a job that has not begun [P11]") {
  BusyPool busy;
  Waiter waiter;
  asio::cancellation_signal signal;
  auto handle = millrace::spawn(busy.pool, [] { return 1; });
  handle.async_wait(asio::bind_cancellation_slot(signal.slot(), waiter.token()));
  signal.emit(cancellation_type::total);
  CHECK(waiter.calls == 0);
  CHECK(handle.ready());
  waiter.context.run();
  CHECK(code_of(waiter.error) == aborted);
  CHECK_FALSE(signal.slot().has_handler());
}

TEST_CASE("cancelling the wait stops a job that runs but for total [P12] [P14]") {
  ComputePool pool{{.threads = 1}};
  Waiter waiter;
  asio::cancellation_signal signal;
  std::latch running(1);
  std::latch told(1);
  std::latch looked(1);
  bool stopped_by_total = true;
  auto handle = millrace::spawn(pool, [&](const std::stop_token& stop) {
    running.count_down();
    told.wait();
    stopped_by_total = stop.stop_requested();
    looked.count_down();
    wait_for_stop(stop);
    return 11;
  });
  handle.async_wait(asio::bind_cancellation_slot(signal.slot(), waiter.token()));
  running.wait();
  signal.emit(cancellation_type::total);
  told.count_down();
  looked.wait();
  SECTION("by its slot") {
    while (!handle.ready()) signal.emit(cancellation_type::partial);
  }
  SECTION("by its handle") {
    while (!handle.ready()) handle.cancel();
  }
  waiter.context.run();
  CHECK_FALSE(stopped_by_total);
  CHECK(waiter.value == 11);
  CHECK_FALSE(signal.slot().has_handler());
}

TEST_CASE("cancellation that races with a spawned job completes it once [P15]") {
  constexpr int rounds = 2000;
  ComputePool pool{{.threads = 1}};
  std::barrier meet(2);
  ComputeHandle<int> handle;
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      meet.arrive_and_wait();
      handle.cancel();
      meet.arrive_and_wait();
    }
  });
  int values = 0;
  int cancelled = 0;
  for (int i = 0; i < rounds; ++i) {
    handle = millrace::spawn(pool, [](const std::stop_token&) { return 1; });
    meet.arrive_and_wait();
    Waiter waiter;
    handle.async_wait(waiter.token());
    waiter.context.run();
    if (waiter.calls == 1 && !waiter.error) ++values;
    if (waiter.calls == 1 && code_of(waiter.error) == aborted) ++cancelled;
    meet.arrive_and_wait();
  }
  other.join();
  pool.async_drain(asio::use_future).get();
  CHECK(values + cancelled == rounds);
  const auto metrics = pool.metrics();
  CHECK(metrics.completed == static_cast<std::uint64_t>(values));
  CHECK(metrics.cancelled == static_cast<std::uint64_t>(cancelled));
  CHECK(metrics.pending + metrics.active == 0);
}

// --- Handles that go ---

TEST_CASE("a handle that goes cancels its job and waits for nothing") {
  std::atomic<bool> ran = false;
  SECTION("queued") {
    BusyPool busy;
    bool captures_gone = false;
    {
      auto handle = millrace::spawn(
          busy.pool, [&, gone = test::AtEnd([&] { captures_gone = true; })] { ran = true; });
    }
    CHECK(captures_gone);
    CHECK(busy.pool.metrics().cancelled == 1);
  }
  SECTION("replaced by another") {
    BusyPool busy;
    auto handle = millrace::spawn(busy.pool, [&] { ran = true; });
    handle = millrace::spawn(busy.pool, [] {});
    CHECK(busy.pool.metrics().cancelled == 1);
  }
  SECTION("running") {
    ComputePool pool{{.threads = 1}};
    std::latch running(1);
    {
      auto handle = millrace::spawn(pool, [&](const std::stop_token& stop) {
        running.count_down();
        wait_for_stop(stop);
      });
      running.wait();
    }
    pool.async_drain(asio::use_future).get();
    CHECK(pool.metrics().completed == 1);
  }
  SECTION("with an operation that nobody started") {
    BusyPool busy;
    auto handle = std::make_optional(millrace::spawn(busy.pool, [&] { ran = true; }));
    {
      auto unstarted = handle->async_wait(test::deferred);
    }
    handle.reset();
    CHECK(busy.pool.metrics().cancelled == 1);
  }
  CHECK_FALSE(ran);
}

TEST_CASE("a handle that is moved to itself keeps its job") {
  BusyPool busy;
  auto handle = millrace::spawn(busy.pool, [] { return 16; });
  auto& same = handle;
  handle = std::move(same);
  CHECK(handle.valid());
  busy.free_workers();
  CHECK(handle.async_wait(asio::use_future).get() == 16);
}

TEST_CASE("a handle that goes while it is awaited cancels nothing") {
  BusyPool busy;
  Waiter waiter;
  millrace::spawn(busy.pool, [] { return 12; }).async_wait(waiter.token());
  busy.free_workers();
  waiter.context.run();
  CHECK(waiter.value == 12);
}

TEST_CASE("a detached job runs to its end and its exception is dropped") {
  std::atomic<bool> stopped = false;
  std::atomic<bool> result_gone = false;
  BusyPool busy;
  {
    auto handle = millrace::spawn(busy.pool, [&](const std::stop_token& stop) {
      stopped = stop.stop_requested();
      return std::make_unique<test::AtEnd<std::function<void()>>>([&] { result_gone = true; });
    });
    handle.detach();
    auto failing = millrace::spawn(busy.pool, [] { throw std::domain_error("nobody's"); });
    failing.detach();
  }
  busy.free_workers();
  busy.pool.async_drain(asio::use_future).get();
  const auto metrics = busy.pool.metrics();
  CHECK(metrics.completed == 2);  // with the one that kept the worker busy
  CHECK(metrics.failed == 1);
  CHECK_FALSE(stopped);
  CHECK(result_gone);
}

TEST_CASE("handles that go race with their jobs and nothing is lost") {
  constexpr std::uint64_t rounds = 2000;
  std::atomic<std::uint64_t> ran = 0;
  std::atomic<std::uint64_t> gone = 0;
  ComputePool pool{{.threads = 1}};
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const auto handle = millrace::spawn(
        pool, [&, end = test::AtEnd([&] { ++gone; })](const std::stop_token&) { ++ran; });
  }
  pool.async_drain(asio::use_future).get();
  const auto metrics = pool.metrics();
  CHECK(metrics.completed == ran);
  CHECK(metrics.completed + metrics.cancelled == rounds);
  CHECK(gone == rounds);
}

TEST_CASE(
    "a worker doesn't begin a spawned job that is too late even if the timer is behind [P17]") {
  std::latch timer_is_busy(1);
  std::latch timer_may_go_on(1);
  std::atomic<bool> begun = false;
  std::atomic<bool> ran = false;
  ComputePool pool{{.threads = 2}};
  // Where it doesn't begin within its time there is another try.
  for (int i = 0; !begun; ++i) {
    auto handle = millrace::spawn(
        pool, {.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(20 << i)},
        [&](const std::stop_token& stop) {
          begun = true;
          const std::stop_callback on_the_timers_thread(stop, [&] {
            timer_is_busy.count_down();
            timer_may_go_on.wait();
          });
          timer_is_busy.wait();
        });
    while (!begun && !handle.ready()) std::this_thread::yield();
    handle.detach();
  }
  timer_is_busy.wait();
  auto late = millrace::spawn(pool, {.deadline = std::chrono::steady_clock::time_point()},
                              [&] { ran = true; });
  CHECK(code_of_wait(late) == errc::deadline_exceeded);
  CHECK_FALSE(ran);
  timer_may_go_on.count_down();
}

// --- Pools and contexts that go ---

TEST_CASE("a pool that is shut down refuses spawned jobs that have not begun [P22]") {
  BusyPool busy;
  Waiter waiter;
  auto awaited = millrace::spawn(busy.pool, [] { return 1; });
  auto unawaited = millrace::spawn(busy.pool, [] { return 1; });
  awaited.async_wait(waiter.token());
  busy.pool.shutdown();
  CHECK(unawaited.ready());
  auto later = millrace::spawn(busy.pool, [] { return 1; });
  CHECK(later.ready());
  waiter.context.run();
  CHECK(code_of(waiter.error) == errc::pool_shut_down);
  CHECK(code_of_wait(unawaited) == errc::pool_shut_down);
  CHECK(code_of_wait(later) == errc::pool_shut_down);
}

TEST_CASE("a handle outlives its pool [P22]") {
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 1});
  std::latch running(1);
  std::latch release(1);
  auto begun = millrace::spawn(*pool, [&] {
    running.count_down();
    release.wait();
    return 13;
  });
  auto queued = millrace::spawn(*pool, [] { return 14; });
  auto dropped = std::make_optional(millrace::spawn(*pool, [] { return 15; }));
  running.wait();
  pool->shutdown();
  std::thread other([&] { release.count_down(); });
  pool.reset();
  other.join();
  CHECK(begun.ready());
  begun.cancel();
  dropped.reset();
  CHECK(begun.async_wait(asio::use_future).get() == 13);
  Waiter waiter;
  queued.async_wait(waiter.token());
  waiter.context.run();
  CHECK(code_of(waiter.error) == errc::pool_shut_down);
}

namespace {

struct Frame {
  std::atomic<bool> gone = false;
  std::atomic<bool> went_on = false;
};

template <class R>
asio::awaitable<void> wait_in(ComputeHandle<R>& handle, Frame& frame) {
  const test::AtEnd gone([&] { frame.gone = true; });
  co_await handle.async_wait();
  frame.went_on = true;
}

asio::any_io_executor executor_of(asio::io_context& context, bool strand) {
  if (strand) return asio::make_strand(context);
  return context.get_executor();
}

}  // namespace

TEST_CASE("with the context that awaits it a job that has not begun is dropped [P19]") {
  const bool strand = GENERATE(false, true);
  std::atomic<bool> ran = false;
  Frame frame;
  BusyPool busy;
  auto handle = millrace::spawn(busy.pool, [&] { ran = true; });
  {
    asio::io_context context;
    asio::co_spawn(executor_of(context, strand), wait_in(handle, frame), asio::detached);
    context.poll();
  }
  CHECK(frame.gone);
  CHECK_FALSE(frame.went_on);
  CHECK(handle.ready());
  CHECK(busy.pool.metrics().cancelled == 1);
  busy.free_workers();
  busy.pool.execute_sync([] {});
  CHECK_FALSE(ran);
}

TEST_CASE("the context that awaits a running job waits for it [P20]") {
  const bool strand = GENERATE(false, true);
  ComputePool pool{{.threads = 1}};
  Frame frame;
  std::latch running(1);
  std::latch release(1);
  std::atomic<bool> gone_too_early = false;
  auto handle = millrace::spawn(pool, [&] {
    running.count_down();
    release.wait();
    gone_too_early = test::comes_true([&] { return frame.gone.load(); });
  });
  auto context = std::make_unique<asio::io_context>();
  asio::co_spawn(executor_of(*context, strand), wait_in(handle, frame), asio::detached);
  context->poll();
  running.wait();
  std::thread other([&] { release.count_down(); });
  context.reset();
  other.join();
  CHECK_FALSE(gone_too_early);
  CHECK(frame.gone);
  CHECK_FALSE(frame.went_on);
}

TEST_CASE("a context doesn't wait for a job whose handle lies in one of its frames unawaited") {
  std::latch running(1);
  std::atomic<bool> ran_queued = false;
  ComputePool pool{{.threads = 1}};
  {
    asio::io_context context;
    auto blocked = millrace::spawn(pool, [&](const std::stop_token& stop) {
      running.count_down();
      wait_for_stop(stop);  // until its handle goes
    });
    auto queued = millrace::spawn(pool, [&] { ran_queued = true; });
    running.wait();
    asio::co_spawn(
        context,
        [](ComputeHandle<void> first, ComputeHandle<void> second) -> asio::awaitable<void> {
          co_await second.async_wait();
          co_await first.async_wait();
        }(std::move(blocked), std::move(queued)),
        asio::detached);
    context.poll();
  }
  pool.async_drain(asio::use_future).get();
  CHECK_FALSE(ran_queued);
  CHECK(pool.metrics().cancelled == 1);
}
