#include <oneapi/tbb/parallel_for.h>

#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <barrier>
#include <latch>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/job_types.hpp"
#include "support/run.hpp"

using millrace::ComputePool;
using millrace::Scope;

TEST_CASE("join completes with all results, monostate for void [P28]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    auto [number, text, nothing, owned, bare] =
        co_await p.join([] { return 1; }, [] { return std::string("two"); }, [] {},
                        [] { return std::make_unique<int>(4); }, [] { return test::NoDefault(5); });
    STATIC_REQUIRE(std::is_same_v<decltype(nothing), std::monostate>);
    CHECK(number == 1);
    CHECK(text == "two");
    CHECK(*owned == 4);
    CHECK(bare.value == 5);
  }(pool));
}

TEST_CASE("join runs its callables at the same time [P28]") {
  ComputePool pool{{.threads = 3}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::barrier meet(3);
    const auto wait = [&] { meet.arrive_and_wait(); };
    co_await p.join(wait, wait, wait);
    SUCCEED("all three met");
  }(pool));
}

TEST_CASE("join: the others run even if the first throws [P28]") {
  for (const int workers : {1, 2}) {
    ComputePool pool{{.threads = workers}};
    test::run([](ComputePool<>& p) -> asio::awaitable<void> {
      std::atomic<int> ran = 0;
      bool caught = false;
      try {
        co_await p.join([] { throw std::domain_error("first"); }, [&] { ++ran; }, [&] { ++ran; });
      } catch (const std::domain_error&) {
        caught = true;
      }
      CHECK(caught);
      CHECK(ran == 2);
    }(pool));
  }
}

TEST_CASE("join: of several that throw the first in argument order wins [P28]") {
  for (const int workers : {1, 2}) {
    ComputePool pool{{.threads = workers}};
    test::run([](ComputePool<>& p) -> asio::awaitable<void> {
      for (int i = 0; i < 100; ++i) {
        std::string who;
        try {
          co_await p.join([] {}, []() -> int { throw std::domain_error("second"); },
                          []() -> std::string { throw std::out_of_range("third"); });
        } catch (const std::logic_error& error) {
          who = error.what();
        }
        REQUIRE(who == "second");
      }
    }(pool));
  }
}

TEST_CASE("a scope waits for all children, nested ones too [P29]") {
  for (const int workers : {1, 3}) {
    ComputePool pool{{.threads = workers}};
    test::run([](ComputePool<>& p) -> asio::awaitable<void> {
      for (int i = 0; i < 50; ++i) {
        std::atomic<int> ended = 0;
        const auto tree = [&](Scope& scope) {
          for (int child = 0; child < 3; ++child) {
            scope.spawn([&](Scope& inner) {
              for (int grandchild = 0; grandchild < 3; ++grandchild) {
                inner.spawn([&](Scope& innermost) {
                  innermost.spawn([&] {
                    std::this_thread::yield();
                    ++ended;
                  });
                  ++ended;
                });
              }
              ++ended;
            });
          }
        };
        co_await p.execute_scoped(tree);
        REQUIRE(ended == 3 + 9 + 9);
        ended = 0;
        co_await p.execute_scoped_fifo(tree);
        REQUIRE(ended == 3 + 9 + 9);
      }
    }(pool));
  }
}

TEST_CASE("a result that refers to what the children wrote is read after them [P29]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::vector<int> squares(100);
    const std::vector<int>& got = co_await p.execute_scoped([&](Scope& scope) -> const auto& {
      for (int i = 0; i < 100; ++i) scope.spawn([&squares, i] { squares[std::size_t(i)] = i * i; });
      return squares;
    });
    CHECK(std::accumulate(got.begin(), got.end(), 0) == 328350);
  }(pool));
}

TEST_CASE("the body can wait for its children and use their results [P29]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    for (int i = 0; i < 100; ++i) {
      const int sum = co_await p.execute_scoped([](Scope& scope) {
        std::atomic<int> local = 0;  // of the body: borrowed until wait() returns
        for (int child = 1; child <= 10; ++child) scope.spawn([&local, child] { local += child; });
        scope.wait();
        return local.load();
      });
      REQUIRE(sum == 55);
    }
  }(pool));
}

TEST_CASE("a child that would wait for itself is refused [P29]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::error_code code;
    try {
      co_await p.execute_scoped(
          [](Scope& scope) { scope.spawn([](Scope& inner) { inner.wait(); }); });
    } catch (const std::system_error& error) {
      code = error.code();
    }
    CHECK(code == millrace::errc::would_deadlock);
  }(pool));
}

TEST_CASE("a child throws: its siblings still run, the exception is rethrown [P30]") {
  for (const int workers : {1, 2}) {
    ComputePool pool{{.threads = workers}};
    test::run([](ComputePool<>& p) -> asio::awaitable<void> {
      std::atomic<int> ran = 0;
      std::string what;
      const auto body = [&](Scope& scope) {
        for (int i = 0; i < 20; ++i) {
          scope.spawn([&, i] {
            if (i == 10) throw std::domain_error("child 10");
            ++ran;
          });
        }
      };
      try {
        co_await p.execute_scoped(body);
      } catch (const std::domain_error& error) {
        what = error.what();
      }
      CHECK(what == "child 10");
      CHECK(ran == 19);
      what.clear();
      try {
        co_await p.execute_scoped_fifo(body);
      } catch (const std::domain_error& error) {
        what = error.what();
      }
      CHECK(what == "child 10");
      CHECK(ran == 38);
    }(pool));
  }
}

TEST_CASE("the first exception of a scope is the one that is rethrown [P30]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::string what;
    try {  // one worker, oldest child first: the order is fixed
      co_await p.execute_scoped_fifo([](Scope& scope) {
        scope.spawn([] { throw std::domain_error("first"); });
        scope.spawn([] { throw std::domain_error("second"); });
      });
    } catch (const std::domain_error& error) {
      what = error.what();
    }
    CHECK(what == "first");

    try {  // the body throws before any child runs
      co_await p.execute_scoped([](Scope& scope) {
        scope.spawn([] { throw std::domain_error("child"); });
        throw std::domain_error("body");
      });
    } catch (const std::domain_error& error) {
      what = error.what();
    }
    CHECK(what == "body");
  }(pool));
}

TEST_CASE("children run even if the body throws [P30]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    int ran = 0;
    try {
      co_await p.execute_scoped([&](Scope& scope) {
        scope.spawn([&] { ++ran; });
        throw 1;
      });
    } catch (int) {
    }
    CHECK(ran == 1);
  }(pool));
}

TEST_CASE("children may borrow locals of the awaiting coroutine [P31]") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::vector<std::string> words(50, "word");
    co_await p.execute_scoped([&](Scope& scope) {
      for (auto& word : words) {
        scope.spawn([&word](Scope& inner) {
          word += '!';
          inner.spawn([&word] { word += '?'; });
        });
      }
    });
    CHECK(std::set<std::string>(words.begin(), words.end()) == std::set<std::string>{"word!?"});
  }(pool));
}

TEST_CASE("on one worker a scope takes the newest child first, a fifo scope the oldest [P32]") {
  ComputePool pool{{.threads = 1}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::vector<int> order;
    const auto body = [&](Scope& scope) {
      for (int i = 0; i < 10; ++i) {
        scope.spawn([&order, i](Scope& inner) {
          for (int j = 0; j < 10; ++j) inner.spawn([&order, i, j] { order.push_back(i * 10 + j); });
        });
      }
    };
    std::vector<int> ascending(100);
    std::iota(ascending.begin(), ascending.end(), 0);
    co_await p.execute_scoped(body);
    CHECK(order == std::vector<int>(ascending.rbegin(), ascending.rend()));
    order.clear();
    co_await p.execute_scoped_fifo(body);
    CHECK(order == ascending);
  }(pool));
}

namespace {

void spawn_nested(millrace::Scope& scope, int depth, std::atomic<int>& ran) {
  ++ran;
  if (depth == 0) return;
  scope.spawn([depth, &ran](millrace::Scope& inner) { spawn_nested(inner, depth - 1, ran); });
}

}  // namespace

TEST_CASE("100,000 nested spawns don't overflow the stack [P33]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<int> ran = 0;
  const auto body = [&](millrace::Scope& scope) { spawn_nested(scope, 100'000, ran); };
  test::run([](ComputePool<>& p, const auto& f) -> asio::awaitable<void> {
    co_await p.execute_scoped(f);
    co_await p.execute_scoped_fifo(f);
  }(pool, body));
  CHECK(ran == 2 * 100'001);
}

TEST_CASE("100,000 children of one scope don't overflow the stack [P33]") {
  ComputePool pool{{.threads = 2}};
  std::atomic<int> ran = 0;
  const auto body = [&](millrace::Scope& scope) {
    for (int i = 0; i < 100'000; ++i) scope.spawn([&] { ++ran; });
  };
  test::run([](ComputePool<>& p, const auto& f) -> asio::awaitable<void> {
    co_await p.execute_scoped(f);
    co_await p.execute_scoped_fifo(f);
  }(pool, body));
  CHECK(ran == 200'000);
}

namespace {

// What a worker holds while it waits: a thread that came by again would find itself inside.
class NotTwice {
 public:
  explicit NotTwice(std::atomic<int>& entered_twice) {
    if (inside_) ++entered_twice;
    inside_ = true;
  }
  ~NotTwice() { inside_ = false; }

 private:
  static inline thread_local bool inside_ = false;
};

auto ignore_on(asio::io_context& context) {
  return asio::bind_executor(context, [](std::exception_ptr) {});
}

void wait_in_a_loop() {
  oneapi::tbb::parallel_for(0, 64, [](int) {
    for (int i = 0; i < 200; ++i) millrace::detail::spin_pause();
  });
}

}  // namespace

TEST_CASE("a worker that waits in one job's parallel_for never begins another job [P35]") {
  std::atomic<int> entered_twice = 0;
  ComputePool pool{{.threads = 3}};
  const auto job = [&] {
    const NotTwice here(entered_twice);
    wait_in_a_loop();
  };
  asio::io_context context;
  for (int i = 0; i < 300; ++i) {
    pool.execute(job, ignore_on(context));
    pool.install(job, ignore_on(context));
  }
  context.run();
  CHECK(entered_twice == 0);
}

TEST_CASE("a lock held across parallel_for in install isn't met in another job's loop [P35]") {
  std::atomic<int> entered_twice = 0;
  ComputePool pool{{.threads = 3}};
  std::latch waiting(1);
  std::latch release(1);
  // Its own worker waits in the loop for the other one, which is held up; what could it do
  // meanwhile?
  const auto holds = [&] {
    const NotTwice here(entered_twice);
    const auto own = std::this_thread::get_id();
    std::barrier both(2);
    oneapi::tbb::parallel_for(0, 2, [&](int) {
      both.arrive_and_wait();
      if (std::this_thread::get_id() == own) {
        waiting.count_down();
      } else {
        release.wait();
      }
    });
  };
  const auto locks_inside = [&] {
    oneapi::tbb::parallel_for(0, 64, [&](int) {
      const NotTwice here(entered_twice);
      for (int i = 0; i < 5'000; ++i) millrace::detail::spin_pause();
    });
  };
  auto held = pool.install(holds, asio::use_future);
  waiting.wait();
  pool.install(locks_inside, asio::use_future).get();
  release.count_down();
  held.get();
  CHECK(entered_twice == 0);
}
