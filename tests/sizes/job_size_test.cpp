#include "millrace/job_size.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "support/asio_compat.hpp"
#include "support/busy_pool.hpp"
#include "support/catch.hpp"
#include "support/job_types.hpp"
#include "support/manual_clock.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using millrace::compute_large;
using millrace::compute_medium;
using millrace::compute_small;
using millrace::ComputePool;
using millrace::errc;
using millrace::JobSize;
using millrace::SizeCheck;
using test::ManualClock;

namespace {

std::thread::id this_thread() {
  return std::this_thread::get_id();
}

std::thread::id thread_of(std::future<std::thread::id> result) {
  return result.get();
}

}  // namespace

// --- small ---

TEST_CASE("a small job runs inside the call that starts it and completes later [P45]") {
  asio::io_context context;
  std::thread::id ran;
  std::thread::id resumed;
  int value = 0;
  compute_small(
      [&] {
        ran = this_thread();
        return 5;
      },
      asio::bind_executor(context, [&](std::exception_ptr, int got) {
        resumed = this_thread();
        value = got;
      }));
  CHECK(ran == this_thread());
  CHECK(resumed == std::thread::id());
  context.run();
  CHECK(resumed == this_thread());
  CHECK(value == 5);
}

TEST_CASE("a deferred small job runs when it is started") {
  int runs = 0;
  asio::io_context context;
  auto later = compute_small([&] { ++runs; }, test::deferred);
  CHECK(runs == 0);
  std::move(later)(asio::bind_executor(context, [](std::exception_ptr) {}));
  CHECK(runs == 1);
}

TEST_CASE("an awaited small job goes on at once but not for ever") {
  asio::io_context context;
  bool others_had_a_turn = false;
  int before = 0;
  test::run(context, [](bool& turn, int& n) -> asio::awaitable<void> {
    asio::post(co_await asio::this_coro::executor, [&turn] { turn = true; });
    while (!turn && n < 1'000) {
      auto job = [&n] { ++n; };
      co_await compute_small(job);
      if (n == 1) CHECK_FALSE(turn);
    }
  }(others_had_a_turn, before));
  CHECK(others_had_a_turn);
  CHECK(before <= 16);
}

TEST_CASE("every kind of result of a small job arrives") {
  int referred = 1;
  test::run([](int& r) -> asio::awaitable<void> {
    auto by_reference = [&r]() -> int& { return r; };
    int& back = co_await compute_small(by_reference);
    back = 2;
    auto movable = [] { return std::make_unique<int>(3); };
    const std::unique_ptr<int> own = co_await compute_small(movable);
    CHECK(*own == 3);
    auto no_default = [] { return test::NoDefault(4); };
    const test::NoDefault made = co_await compute_small(no_default);
    CHECK(made.value == 4);
    auto asks = [](std::stop_token stop) { return stop.stop_possible(); };
    const bool stoppable = co_await compute_small(asks);
    CHECK_FALSE(stoppable);
  }(referred));
  CHECK(referred == 2);
  CHECK(compute_small([] { return 6; }, asio::use_future).get() == 6);
}

TEST_CASE("what a small job throws arrives as thrown") {
  auto fails = []() -> int { throw std::domain_error("no"); };
  CHECK_THROWS_AS(compute_small(fails, asio::use_future).get(), std::domain_error);
  bool caught = false;
  test::run([](auto job, bool& c) -> asio::awaitable<void> {
    try {
      co_await compute_small(job);
    } catch (const std::domain_error&) {
      c = true;
    }
  }(fails, caught));
  CHECK(caught);
}

TEST_CASE("captures of an inline job end before it completes") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  const auto owned = std::make_shared<int>(1);
  const auto job = [owned] { return 0; };
  REQUIRE(owned.use_count() == 2);
  asio::io_context context;
  compute_small(job, asio::bind_executor(context, [](std::exception_ptr, int) {}));
  CHECK(owned.use_count() == 2);
  compute_medium(pool, job, asio::bind_executor(context, [](std::exception_ptr, int) {}));
  CHECK(owned.use_count() == 2);
  test::run([](auto f, const std::shared_ptr<int>& o) -> asio::awaitable<void> {
    const auto before = o.use_count();
    auto going = compute_small(f);
    CHECK(o.use_count() == before + 1);
    co_await std::move(going);
    CHECK(o.use_count() == before);
  }(job, owned));
}

TEST_CASE("small jobs work with other tokens") {
  using namespace asio::experimental::awaitable_operators;
  test::run([]() -> asio::awaitable<void> {
    auto one = [] { return 1; };
    const auto [error, value] = co_await compute_small(one, test::as_tuple(asio::use_awaitable));
    CHECK_FALSE(error);
    CHECK(value == 1);
    auto pair = compute_small(one) && compute_small(one);
    const std::tuple<int, int> both = co_await std::move(pair);
    CHECK(both == std::tuple(1, 1));
  }());
}

TEST_CASE("a handler of an inline job goes with its context uncalled") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  int calls = 0;
  const auto owned = std::make_shared<int>(1);
  {
    asio::io_context context;
    compute_small([] {}, asio::bind_executor(context, [&, owned](std::exception_ptr) { ++calls; }));
    compute_medium(
        pool, [] {}, asio::bind_executor(context, [&, owned](std::exception_ptr) { ++calls; }));
    CHECK(owned.use_count() == 3);
  }
  CHECK(owned.use_count() == 1);
  CHECK(calls == 0);
}

// --- medium ---

TEST_CASE("a medium job is offloaded where there is no permit [P45]") {
  ComputePool pool{{.threads = 1}};
  const auto on_worker = [&] { return pool.get_executor().running_in_this_thread(); };
  CHECK(compute_medium(pool, on_worker, asio::use_future).get());
  millrace::set_io_threads(pool, 1);
  CHECK(compute_medium(pool, on_worker, asio::use_future).get());
  CHECK(compute_medium(pool, {.label = "some"}, on_worker, asio::use_future).get());
  CHECK(pool.metrics().completed == 3);
}

TEST_CASE("a medium job with a permit runs inside the call that starts it [P45]") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  asio::io_context context;
  std::thread::id ran;
  bool resumed = false;
  compute_medium(
      pool, [&] { ran = this_thread(); },
      asio::bind_executor(context, [&](std::exception_ptr) { resumed = true; }));
  CHECK(ran == this_thread());
  CHECK_FALSE(resumed);
  CHECK(millrace::inline_permits(pool).used() == 0);
  context.run();
  CHECK(resumed);
  CHECK(pool.metrics().submitted == 0);
}

TEST_CASE("medium jobs never compute on all I/O threads at once [P45]") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 3);
  // Each started while the one before runs, as if on the next thread.
  std::thread::id second;
  std::thread::id third;
  compute_medium(
      pool,
      [&] {
        compute_medium(
            pool,
            [&] {
              second = this_thread();
              third = thread_of(compute_medium(pool, this_thread, asio::use_future));
            },
            asio::detached);
      },
      asio::detached);
  CHECK(second == this_thread());
  CHECK(third != this_thread());
  CHECK(millrace::inline_permits(pool).used() == 0);
}

TEST_CASE("a medium job that throws gives its permit back [P45]") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  for (int i = 0; i < 3; ++i) {
    auto fails = []() -> int { throw std::domain_error("no"); };
    CHECK_THROWS_AS(compute_medium(pool, fails, asio::use_future).get(), std::domain_error);
    CHECK(millrace::inline_permits(pool).used() == 0);
  }
  CHECK(pool.metrics().submitted == 0);
  CHECK(thread_of(compute_medium(pool, this_thread, asio::use_future)) == this_thread());
}

TEST_CASE("after a medium job the loop has its turn") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  bool turn = false;
  test::run([](auto& p, bool& t) -> asio::awaitable<void> {
    asio::post(co_await asio::this_coro::executor, [&t] { t = true; });
    auto job = [] {};
    co_await compute_medium(p, job);
    CHECK(t);
  }(pool, turn));
}

TEST_CASE("a medium job whose deadline has passed never runs [P45]") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  bool ran = false;
  std::error_code code;
  try {
    compute_medium(
        pool, {.deadline = std::chrono::steady_clock::now() - 1s}, [&] { ran = true; },
        asio::use_future)
        .get();
  } catch (const std::system_error& error) {
    code = error.code();
  }
  CHECK(code == errc::deadline_exceeded);
  CHECK_FALSE(ran);
  CHECK(thread_of(compute_medium(pool, {.deadline = std::chrono::steady_clock::now() + 1h},
                                 this_thread, asio::use_future)) == this_thread());
}

TEST_CASE("an offloaded medium job can be cancelled") {
  test::BusyPool busy;
  asio::io_context context;
  asio::cancellation_signal signal;
  std::error_code code;
  compute_medium(
      busy.pool, [] {},
      asio::bind_cancellation_slot(signal.slot(),
                                   asio::bind_executor(context, [&](std::exception_ptr error) {
                                     code = test::code_of(error);
                                   })));
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK(code == asio::error::operation_aborted);
}

TEST_CASE("many threads await medium jobs and one is always left [P45]") {
  constexpr int threads = 3;
  ComputePool pool{{.threads = 2}};
  millrace::set_io_threads(pool, threads);
  asio::io_context context;
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  const auto job = [&] {
    if (pool.get_executor().running_in_this_thread()) return;
    const int now = ++inside;
    int seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    --inside;
  };
  for (int i = 0; i < 16; ++i) {
    asio::co_spawn(
        context,
        [](auto& p, auto& f, std::atomic<int>& n) -> asio::awaitable<void> {
          for (int k = 0; k < 50; ++k) {
            co_await compute_medium(p, f);
            ++n;
          }
        }(pool, job, done),
        asio::detached);
  }
  {
    std::vector<std::jthread> loops;
    for (int i = 0; i < threads; ++i) loops.emplace_back([&] { context.run(); });
  }
  CHECK(done == 16 * 50);
  CHECK(most <= threads - 1);
  CHECK(millrace::inline_permits(pool).used() == 0);
}

// --- large ---

TEST_CASE("a large job is never run where it is started [P45]") {
  ComputePool pool{{.threads = 2}};
  millrace::set_io_threads(pool, 8);
  CHECK(thread_of(compute_large(pool, this_thread, asio::use_future)) != this_thread());
  bool inside = true;
  std::optional<std::future<void>> done;
  // On a worker, too, it waits for its turn.
  pool.execute_sync([&] {
    bool started = true;
    done = compute_large(pool, {.label = "large"}, [&] { inside = false; }, asio::use_future);
    return started;
  });
  done->get();
  CHECK_FALSE(inside);
  CHECK(pool.metrics().completed == 3);
}

TEST_CASE("a large job started on the only worker runs after the call [P45]") {
  ComputePool pool{{.threads = 1}};
  std::atomic<bool> ran{false};
  bool seen = true;
  pool.execute_sync([&] {
    compute_large(pool, [&] { ran = true; }, asio::detached);
    seen = ran;
  });
  CHECK_FALSE(seen);
  pool.async_drain(asio::use_future).get();
  CHECK(ran);
}

// --- Checked ---

TEST_CASE("misclassified jobs of all sizes are counted by call site [P45]") {
  using millrace::NoSizeCheck;
  ComputePool pool{{.threads = 1}};
  SizeCheck<ManualClock> check;
  const auto job = [](auto length) { return [length] { ManualClock::advance(length); }; };
  const auto first_line = std::source_location::current().line();
  compute_small(check, job(50us), asio::use_future).get();
  compute_small(check, job(200us), asio::use_future).get();
  compute_medium(check, pool, job(50us), asio::use_future).get();
  compute_medium(check, pool, {.label = "m"}, job(2ms), asio::use_future).get();
  compute_large(check, pool, job(50us), asio::use_future).get();
  compute_large(check, pool, {.label = "l"}, job(2ms), asio::use_future).get();
  millrace::set_io_threads(pool, 2);
  compute_medium(check, pool, job(3ms), asio::use_future).get();
  NoSizeCheck none;
  compute_small(none, job(200us), asio::use_future).get();
  compute_medium(none, pool, job(3ms), asio::use_future).get();
  compute_large(none, pool, job(1us), asio::use_future).get();
  const auto report = check.snapshot();
  CHECK(report.jobs == 7);
  CHECK(report.misclassified == 5);
  REQUIRE(report.sites.size() == 7);
  const std::pair<JobSize, std::uint64_t> expected[] = {
      {JobSize::small, 0}, {JobSize::small, 1}, {JobSize::medium, 1}, {JobSize::medium, 1},
      {JobSize::large, 1}, {JobSize::large, 0}, {JobSize::medium, 1}};
  for (const auto& site : report.sites) {
    CAPTURE(site.site.line());
    auto number = site.site.line() - first_line - 1;
    if (number > 5) number = 6;
    CHECK(site.size == expected[number].first);
    CHECK(site.misclassified() == expected[number].second);
  }
}

TEST_CASE("an awaited job is counted under its own line") {
  ComputePool pool{{.threads = 1}};
  SizeCheck<ManualClock> check;
  std::uint_least32_t line = 0;
  test::run([](auto& c, auto& p, auto& at) -> asio::awaitable<void> {
    auto job = [] { ManualClock::advance(1us); };
    for (int i = 0; i < 20; ++i) {
      at = std::source_location::current().line() + 1;
      co_await compute_medium(c, p, job);
      co_await compute_small(c, job);
    }
  }(check, pool, line));
  const auto report = check.snapshot();
  REQUIRE(report.sites.size() == 2);
  CHECK(report.sites[0].site.line() == line);
  CHECK(report.sites[0].too_short == 20);
  CHECK(report.sites[1].jobs == 20);
  CHECK(report.sites[1].misclassified() == 0);
}
