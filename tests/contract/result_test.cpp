#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

#include "millrace/compute_pool.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"
#include "support/job_types.hpp"
#include "support/run.hpp"

using millrace::ComputePool;

TEST_CASE("the result reaches the awaiter [P1]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const int number = co_await p.execute([] { return 42; });
    CHECK(number == 42);
    const std::string text = co_await p.execute([] { return std::string(1000, 'x'); });
    CHECK(text == std::string(1000, 'x'));
  }(pool));
}

TEST_CASE("a move-only result reaches the awaiter [P1]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const std::unique_ptr<int> got = co_await p.execute([] { return std::make_unique<int>(7); });
    REQUIRE(got);
    CHECK(*got == 7);
  }(pool));
}

TEST_CASE("a void job is awaited [P1]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    int ran = 0;
    STATIC_REQUIRE(std::is_void_v<decltype(p.execute([&] { ++ran; }).await_resume())>);
    co_await p.execute([&] { ++ran; });
    CHECK(ran == 1);
  }(pool));
}

TEST_CASE("a reference result refers to the very object [P1]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    int object = 1;
    int& got = co_await p.execute([&]() -> int& { return object; });
    CHECK(&got == &object);
    const int& as_const = co_await p.execute([&]() -> const int& { return object; });
    CHECK(&as_const == &object);
  }(pool));
}

TEST_CASE(
    "a result without default constructor reaches the awaiter, and so does its failure [P1]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const auto got = co_await p.execute([] { return test::NoDefault(5); });
    CHECK(got.value == 5);
    bool caught = false;
    try {
      co_await p.execute([]() -> test::NoDefault { throw std::out_of_range("none"); });
    } catch (const std::out_of_range&) {
      caught = true;
    }
    CHECK(caught);
  }(pool));
}

TEST_CASE("a job that gives away its captures is run as an rvalue [P1]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    auto job = [owned = std::make_unique<int>(3)]() mutable { return std::move(owned); };
    const auto got = co_await p.execute(std::move(job));
    CHECK(*got == 3);
  }(pool));
}

namespace {
struct Custom {
  int code;
};
}  // namespace

TEST_CASE("an exception arrives with its own type, and the pool goes on [P3]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      int code = 0;
      try {
        co_await p.execute([i] { throw Custom{i + 10}; });
      } catch (const Custom& custom) {
        code = custom.code;
      }
      CHECK(code == i + 10);
      const int next = co_await p.execute([i] { return i; });
      CHECK(next == i);
    }
  }(pool));
}

TEST_CASE("captures are destroyed on the worker, before the completion can be seen [P8]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    const auto loop = std::this_thread::get_id();
    for (int i = 0; i < 200; ++i) {
      std::atomic<bool> alive = true;
      std::atomic<std::thread::id> destroyed_on = loop;
      const auto watch = [&] {
        return std::make_shared<test::AtEnd<std::function<void()>>>([&] {
          destroyed_on = std::this_thread::get_id();
          alive = false;
        });
      };
      // Named, because g++ 12 destroys a temporary of a co_await expression twice.
      auto returns = [held = watch()] {};
      co_await p.execute(std::move(returns));
      REQUIRE_FALSE(alive);
      REQUIRE(destroyed_on.load() != loop);
      alive = true;
      destroyed_on = loop;
      auto throws = [held = watch()] { throw 1; };
      try {
        co_await p.execute(std::move(throws));
      } catch (int) {
      }
      REQUIRE_FALSE(alive);
      REQUIRE(destroyed_on.load() != loop);
    }
  }(pool));
}

TEST_CASE("a deferred operation that is never started runs nothing and leaks nothing [P9]") {
  ComputePool pool{{.threads = 1}};
  bool ran = false;
  std::weak_ptr<int> captured;
  {
    auto owned = std::make_shared<int>(1);
    captured = owned;
    auto never = pool.execute([&ran, owned = std::move(owned)] { ran = true; }, test::deferred);
    CHECK_FALSE(captured.expired());
  }
  CHECK(captured.expired());
  {
    // An awaitable that nobody awaits is no different.
    auto owned = std::make_shared<int>(1);
    captured = owned;
    auto never = pool.execute([&ran, owned = std::move(owned)] { ran = true; });
  }
  CHECK(captured.expired());
  CHECK(pool.metrics().submitted == 0);
  CHECK_FALSE(ran);
}
