// P56: user code that throws where it shouldn't, at each point once: moves and copies of callables,
// results and handlers, executors, allocators, policies. It costs its own operation only: that
// completes at most once, and if not, either whoever started it or the loop hears of the exception,
// or its handler's executor wouldn't have it; nothing leaks, and the metrics agree.
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/execution/blocking.hpp>
#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "millrace/handle.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"
#include "support/throwing.hpp"

using test::Counted;
using test::Injected;
using test::Injection;

namespace {

// The default one, which may throw where a policy may.
class Policy : public millrace::ComputeMetrics {
 public:
  using ComputeMetrics::ComputeMetrics;
  void labelled(record& job, std::string_view label) {
    Injection::point();
    ComputeMetrics::labelled(job, label);
  }
};
using Pool = millrace::ComputePool<Policy>;

struct Account {
  std::atomic<int> calls = 0;
  std::atomic<int> memory = 0;
  std::atomic<int> refusals = 0;  // by executors, on threads that nobody hears of
};

template <class T>
struct Allocator {
  using value_type = T;
  Account* account;

  explicit Allocator(Account* to) noexcept : account(to) {}
  template <class U>
  Allocator(const Allocator<U>& other) noexcept : account(other.account) {}  // NOLINT

  T* allocate(std::size_t n) {
    Injection::point();
    ++account->memory;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    --account->memory;
    std::allocator<T>().deallocate(memory, n);
  }
  template <class U>
  friend bool operator==(const Allocator& a, const Allocator<U>& b) noexcept {
    return a.account == b.account;
  }
};

// A loop's executor that may throw when it is given something. Its copies can't: for Asio it
// wouldn't be an executor.
class Executor {
 public:
  Executor(asio::io_context& loop, Account& account) noexcept : loop_(&loop), account_(&account) {}

  template <class F>
  void execute(F&& f) const {
    try {
      Injection::point();
      asio::post(*loop_, std::forward<F>(f));
    } catch (...) {
      ++account_->refusals;
      throw;
    }
  }
  [[nodiscard]] asio::execution_context& query(asio::execution::context_t) const noexcept {
    return *loop_;
  }
  [[nodiscard]] Executor require(asio::execution::blocking_t::never_t) const noexcept {
    return *this;
  }
  bool operator==(const Executor& other) const noexcept { return loop_ == other.loop_; }

 private:
  asio::io_context* loop_;
  Account* account_;
};

template <class Where>
struct Handler {
  Account* account;
  Where where;
  Counted moves{};

  using executor_type = Where;
  using allocator_type = Allocator<void>;
  [[nodiscard]] executor_type get_executor() const noexcept { return where; }
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(account); }

  template <class... Results>
  void operator()(const std::exception_ptr&, Results&&...) {
    ++account->calls;
  }
};

struct Job {
  Counted captured{1};
  Counted operator()() { return Counted(captured.value); }
};
// ThreadSanitizer's pthread_once stays locked for ever when what it calls throws, as std::promise
// does when a value's move throws: there the job of a future has none.
#ifdef __SANITIZE_THREAD__
struct JobOfFuture {
  Counted captured{1};
  void operator()() {}
};
#else
using JobOfFuture = Job;
#endif
struct Scoped {
  Counted captured{1};
  Counted operator()(millrace::Scope& scope) {
    Counted made;
    scope.spawn([&made] { made.value = 2; });
    scope.wait();
    return made;
  }
};
struct Posted {
  Account* account;
  Counted captured{1};
  void operator()() { ++account->calls; }
};

// Starts with `start(pool, loop, account)`, with an exception at the first point, the second, and
// so on, until there is no such point any more.
template <class Start>
void at_each_point(Start start) {
  Pool pool({.threads = 1});
  const int alive = Counted::alive();
  const int mistakes = Counted::mistakes();
  int points = 0;
  for (int n = 1;; ++n) {
    INFO("point " << n);
    Account account;
    int surfaced = 0;
    Injection::at(n);
    Injection::running(true);
    {
      asio::io_context loop;
      try {
        start(pool, loop, account);
      } catch (const Injected&) {
        ++surfaced;
      }
      // By turns: not every executor keeps its loop running.
      for (int turns = 0; turns != 3;) {
        pool.async_drain(asio::use_future).get();
        loop.restart();
        try {
          loop.run();
          ++turns;
        } catch (const Injected&) {
          ++surfaced;
        }
      }
    }
    Injection::running(false);
    CHECK(account.calls <= 1);
    CHECK(account.calls + surfaced + account.refusals >= 1);
    CHECK(account.memory == 0);
    CHECK(Counted::alive() == alive);
    CHECK(Counted::mistakes() == mistakes);
    if (!Injection::happened()) {
      CHECK(account.calls == 1);
      break;
    }
    points = n;
  }
  CHECK(points > 0);
  const auto metrics = pool.metrics();
  CHECK(metrics.pending == 0);
  CHECK(metrics.active == 0);
  CHECK(metrics.started == metrics.completed + metrics.failed);
  CHECK(metrics.submitted ==
        metrics.started + metrics.cancelled + metrics.expired + metrics.rejected);
}

// With `where(loop, account)` as the handlers' executor.
template <class Where>
void callbacks(Where where) {
  const auto handler = [where](asio::io_context& loop, Account& account) {
    return Handler<decltype(where(loop, account))>{&account, where(loop, account)};
  };
  SECTION("execute") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      pool.execute(Job(), handler(loop, account));
    });
  }
  SECTION("execute with options") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      pool.execute({.label = "injected"}, Job(), handler(loop, account));
    });
  }
  SECTION("install") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      pool.install(Job(), handler(loop, account));
    });
  }
  SECTION("join") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      pool.join(Job(), Job(), handler(loop, account));
    });
  }
  SECTION("execute_scoped") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      pool.execute_scoped(Scoped(), handler(loop, account));
    });
  }
  SECTION("spawn and async_wait") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      auto handle = millrace::spawn(pool, {.label = "injected"}, Job());
      handle.async_wait(handler(loop, account));
    });
  }
  SECTION("async_drain") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      pool.async_drain(handler(loop, account));
    });
  }
  SECTION("deferred") {
    at_each_point([=](Pool& pool, asio::io_context& loop, Account& account) {
      pool.execute(Job(), test::deferred)(handler(loop, account));
    });
  }
}

template <class Body>
asio::awaitable<void> goes_on_after(Body& body, Pool& pool, Account& account) {
  try {
    co_await body(pool);
  } catch (const Injected&) {
  }
  ++account.calls;
}

template <class Body>
void awaited_at_each_point(Body body) {
  at_each_point([&](Pool& pool, asio::io_context& loop, Account& account) {
    asio::co_spawn(loop, goes_on_after(body, pool, account), asio::detached);
  });
}

}  // namespace

TEST_CASE("user code throws at each point of an operation, its handler at a context [P56]") {
  callbacks([](asio::io_context& loop, Account&) { return loop.get_executor(); });
}

TEST_CASE("user code throws at each point of an operation, its handler on a strand [P56]") {
  callbacks([](asio::io_context& loop, Account&) { return asio::make_strand(loop); });
}

TEST_CASE("user code throws at each point of an operation, with an executor of its own [P56]") {
  callbacks([](asio::io_context& loop, Account& account) { return Executor(loop, account); });
}

TEST_CASE("user code throws at each point of what is awaited or waited for [P56]") {
  SECTION("co_await") {
    awaited_at_each_point([](Pool& pool) -> asio::awaitable<void> {
      Job job;
      const Counted result = co_await pool.execute(std::move(job));
    });
  }
  SECTION("co_await of a handle") {
    awaited_at_each_point([](Pool& pool) -> asio::awaitable<void> {
      Job job;
      auto handle = millrace::spawn(pool, std::move(job));
      const Counted result = co_await handle.async_wait();
    });
  }
  SECTION("use_future") {
    at_each_point([](Pool& pool, asio::io_context&, Account& account) {
      auto future = pool.execute(JobOfFuture(), asio::use_future);
      try {
        future.get();
      } catch (const Injected&) {
      }
      ++account.calls;
    });
  }
  SECTION("execute_sync") {
    at_each_point([](Pool& pool, asio::io_context&, Account& account) {
      pool.execute_sync({.label = "injected"}, Job());
      ++account.calls;
    });
  }
  SECTION("asio::post to the pool") {
    at_each_point([](Pool& pool, asio::io_context&, Account& account) {
      asio::post(pool, Posted{&account});
    });
  }
}
