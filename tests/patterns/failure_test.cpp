#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/patterns.hpp"
#include "support/busy_pool.hpp"
#include "support/catch.hpp"
#include "support/expected.hpp"
#include "support/outcome.hpp"

using asio::use_future;
using millrace::ComputePool;

namespace {

std::vector<int> numbers_to(int end) {
  std::vector<int> numbers(static_cast<std::size_t>(end));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

struct Failed : std::exception {
  explicit Failed(int n) : number(n) {}
  int number;
};

// The number of the Failed that it completes with, -1 if there is none.
template <class Result>
int failure_of(std::future<Result> started) {
  try {
    started.get();
    return -1;
  } catch (const Failed& failed) {
    return failed.number;
  }
}

template <class T>
using Result = test::Expected<T, int>;

Result<int> refuse_from(int first, int i) {
  if (i >= first) return test::Unexpected(i);
  return i;
}

}  // namespace

TEST_CASE("an exception in the middle: arrives as thrown and what lies behind never runs") {
  ComputePool pool{{.threads = 1}};
  const std::vector<int> numbers = numbers_to(1000);
  int calls = 0;
  const auto f = [&](int i) {
    ++calls;
    if (i == 10) throw Failed(i);
    return i;
  };
  CHECK(failure_of(parallel_map(pool, {.chunk_size = 1}, numbers, f, use_future)) == 10);
  CHECK(calls == 11);
  calls = 0;
  CHECK(failure_of(parallel_for_each(pool, numbers, f, use_future)) == 10);
  CHECK(calls == 11);
  calls = 0;
  const auto g = [&](std::span<const int> chunk) { return f(chunk.front()); };
  CHECK(failure_of(parallel_chunks(pool, {.chunk_size = 10}, numbers, g, use_future)) == 10);
  CHECK(calls == 2);
}

TEST_CASE("the first error in input order wins even if one behind it comes earlier") {
  ComputePool pool{{.threads = 2}};
  std::latch later_failed(1);
  std::atomic<bool> told = false;
  std::atomic<bool> last_ran = false;
  const auto f = [&](int i) {
    if (i == 0) return later_failed.wait();
    if (i == 3) last_ran = true;
    // A job that begins only when this worker has done with the element, as the other one waits.
    if (!told.exchange(true)) pool.execute([&] { later_failed.count_down(); }, asio::detached);
    throw Failed(i);
  };
  CHECK(failure_of(parallel_for_each(pool, {.chunk_size = 1}, numbers_to(4), f, use_future)) == 1);
  CHECK_FALSE(last_ran);
}

TEST_CASE("errors of an expected: the first in input order is the operation's") {
  for (const int workers : {1, 3}) {
    ComputePool pool{{.threads = workers}};
    const std::vector<int> numbers = numbers_to(1000);
    for (const int first : {0, 357, 999, 1000}) {
      const auto f = [first](int i) { return refuse_from(first, i); };
      const bool good = first == 1000;

      Result<std::vector<int>> mapped = parallel_map(pool, numbers, f, use_future).get();
      REQUIRE(mapped.has_value() == good);
      if (good) REQUIRE(mapped.value() == numbers);
      if (!good) REQUIRE(mapped.error() == first);

      Result<void> done = parallel_for_each(pool, {.chunk_size = 3}, numbers, f, use_future).get();
      REQUIRE(done.has_value() == good);
      if (!good) REQUIRE(done.error() == first);

      Result<int> sum = parallel_reduce(
                            pool, numbers, 0,
                            [f](int total, int i) -> Result<int> {
                              Result<int> next = f(i);
                              if (next.has_value()) next.value() += total;
                              return next;
                            },
                            std::plus<>(), use_future)
                            .get();
      REQUIRE(sum.has_value() == good);
      if (good) REQUIRE(sum.value() == 499'500);
      if (!good) REQUIRE(sum.error() == first);
    }
  }
}

TEST_CASE("errors of an expected: in the middle of a chunk what lies behind never runs") {
  ComputePool pool{{.threads = 1}};
  const std::vector<int> numbers = numbers_to(10);
  int calls = 0;
  const auto f = [&](int i) {
    ++calls;
    return refuse_from(5, i);
  };
  CHECK(parallel_map(pool, {.chunk_size = 10}, numbers, f, use_future).get().error() == 5);
  CHECK(calls == 6);
  calls = 0;
  const auto fold = [&](int total, int i) {
    ++calls;
    return refuse_from(5, total + i);
  };
  CHECK(parallel_reduce(pool, {.chunk_size = 10}, numbers, 0, fold, std::plus<>(), use_future)
            .get()
            .error() == 6);
  CHECK(calls == 4);
}

TEST_CASE("errors of an expected: filters and stages and chunks") {
  ComputePool pool{{.threads = 2}};
  const std::vector<int> numbers = numbers_to(100);
  using maybe = std::optional<int>;
  const auto even = [](int i) { return i % 2 == 0 ? maybe(i) : maybe(); };
  for (const int first : {51, 100}) {
    const auto refuse = [first](int i) -> Result<maybe> {
      if (i >= first) return test::Unexpected(i);
      return maybe(i);
    };
    Result<std::vector<int>> kept =
        parallel_filter_map(pool, numbers, millrace::stages(even, refuse), use_future).get();
    REQUIRE(kept.has_value() == (first == 100));
    if (first == 100) CHECK(kept.value().size() == 50);
    if (first != 100) CHECK(kept.error() == 52);

    Result<std::vector<int>> sums =
        parallel_chunks(
            pool, {.chunk_size = 30}, numbers,
            [first](std::span<const int> chunk) { return refuse_from(first, chunk.front()); },
            use_future)
            .get();
    REQUIRE(sums.has_value() == (first == 100));
    if (first == 100) CHECK(sums.value() == std::vector<int>{0, 30, 60, 90});
    if (first != 100) CHECK(sums.error() == 60);
  }
}

TEST_CASE("an exception wins over an error behind it") {
  ComputePool pool{{.threads = 2}};
  const auto f = [](int i) -> Result<int> {
    if (i == 20) throw Failed(i);
    return refuse_from(21, i);
  };
  CHECK(failure_of(parallel_map(pool, {.chunk_size = 1}, numbers_to(100), f, use_future)) == 20);
}

TEST_CASE("what fold and reduce throw") {
  ComputePool pool{{.threads = 2}};
  const std::vector<int> numbers = numbers_to(100);
  const auto fold = [](int total, int i) {
    if (i == 70) throw Failed(i);
    return total + i;
  };
  CHECK(failure_of(parallel_reduce(pool, {.chunk_size = 1}, numbers, 0, fold, std::plus<>(),
                                   use_future)) == 70);
  const auto reduce = [](int, int) -> int { throw Failed(7); };
  CHECK(failure_of(parallel_reduce(pool, {.chunk_size = 10}, numbers, 0, std::plus<>(), reduce,
                                   use_future)) == 7);
}

TEST_CASE("after an error nothing more is reduced") {
  ComputePool pool{{.threads = 1}};
  bool failed = false;
  bool reduced_behind = false;
  const auto fold = [&](int total, int i) {
    if (i == 3) {
      failed = true;
      throw Failed(i);
    }
    return total + i;
  };
  const auto reduce = [&](int left, int right) {
    reduced_behind |= failed;
    return left + right;
  };
  CHECK(failure_of(parallel_reduce(pool, {.chunk_size = 1}, numbers_to(4), 0, fold, reduce,
                                   use_future)) == 3);
  CHECK_FALSE(reduced_behind);
}

TEST_CASE("what reduce throws counts where its right side begins") {
  ComputePool pool{{.threads = 2}};
  std::latch later_reduced(1);
  const auto fold = [&](int total, int i) {
    if (i == 1) {
      later_reduced.wait();
      throw Failed(i);
    }
    return total + i;
  };
  // Of 2 and 3, on the other worker: those before it wait for it.
  const auto reduce = [&](int, int right) -> int {
    later_reduced.count_down();
    throw Failed(right);
  };
  CHECK(failure_of(parallel_reduce(pool, {.chunk_size = 1}, numbers_to(4), 0, fold, reduce,
                                   use_future)) == 1);
}

TEST_CASE("cancelled while it runs: no further chunk begins") {
  for (const int workers : {1, 2}) {
    ComputePool pool{{.threads = workers}};
    asio::io_context context;
    asio::cancellation_signal signal;
    std::latch begun(workers);
    std::latch go_on(1);
    std::atomic<int> calls = 0;
    std::exception_ptr error;
    parallel_for_each(
        pool, {.chunk_size = 1}, numbers_to(1000),
        [&](int) {
          ++calls;
          begun.count_down();
          go_on.wait();
        },
        asio::bind_cancellation_slot(
            signal.slot(), asio::bind_executor(context, [&](std::exception_ptr e) { error = e; })));
    begun.wait();
    signal.emit(asio::cancellation_type::terminal);
    go_on.count_down();
    context.run();
    CHECK(test::code_of(error) == asio::error::operation_aborted);
    CHECK(calls == workers);
  }
}

TEST_CASE("a callable that takes a token is told of the cancellation") {
  const auto told = [](auto&& pattern) {
    ComputePool pool{{.threads = 1}};
    asio::io_context context;
    asio::cancellation_signal signal;
    std::latch begun(1);
    std::latch go_on(1);
    bool before = true;
    bool after = false;
    pattern(
        pool,
        [&](auto&&, const std::stop_token& stop) {
          before = stop.stop_requested();
          begun.count_down();
          go_on.wait();
          after = stop.stop_requested();
          return 1;
        },
        asio::bind_cancellation_slot(signal.slot(),
                                     asio::bind_executor(context, [](auto&&...) {})));
    begun.wait();
    signal.emit(asio::cancellation_type::terminal);
    go_on.count_down();
    context.run();
    return after && !before;
  };
  const std::vector<int> one{1};
  CHECK(told([&](auto& pool, auto f, auto token) { parallel_map(pool, one, f, token); }));
  CHECK(told([&](auto& pool, auto f, auto token) { parallel_for_each(pool, one, f, token); }));
  CHECK(told([&](auto& pool, auto f, auto token) { parallel_chunks(pool, one, f, token); }));
}

TEST_CASE("cancelled during the last chunk: the result wins") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  asio::cancellation_signal signal;
  std::latch begun(1);
  std::latch go_on(1);
  std::exception_ptr error;
  std::vector<int> got;
  parallel_map(
      pool, {.chunk_size = 2}, std::vector<int>{1, 2},
      [&](int i) {
        if (i == 1) begun.count_down();
        go_on.wait();
        return i;
      },
      asio::bind_cancellation_slot(
          signal.slot(),
          asio::bind_executor(context, [&](std::exception_ptr e, std::vector<int> values) {
            error = e;
            got = std::move(values);
          })));
  begun.wait();
  signal.emit(asio::cancellation_type::terminal);
  go_on.count_down();
  context.run();
  CHECK(test::code_of(error) == std::error_code());
  CHECK(got == std::vector<int>{1, 2});
}

TEST_CASE("cancelled before it begins: nothing runs") {
  test::BusyPool busy;
  asio::io_context context;
  asio::cancellation_signal signal;
  std::exception_ptr error;
  bool ran = false;
  parallel_for_each(
      busy.pool, numbers_to(10), [&](int) { ran = true; },
      asio::bind_cancellation_slot(
          signal.slot(), asio::bind_executor(context, [&](std::exception_ptr e) { error = e; })));
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  busy.free_workers();
  CHECK(test::code_of(error) == asio::error::operation_aborted);
  CHECK_FALSE(ran);
}

TEST_CASE("a sort whose order throws") {
  ComputePool pool{{.threads = 2}};
  for (const int size : {10, 5000}) {
    std::vector<int> numbers = numbers_to(size);
    std::ranges::reverse(numbers);
    std::atomic<int> calls = 0;
    const auto less = [&](int a, int b) {
      if (++calls == 9) throw Failed(9);
      return a < b;
    };
    CHECK(failure_of(parallel_sort(pool, numbers, less, use_future)) == 9);
  }
}

TEST_CASE("a sort that is cancelled: ends early with the elements all there") {
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  asio::cancellation_signal signal;
  std::latch begun(1);
  std::latch go_on(1);
  std::exception_ptr error;
  std::vector<std::string> texts;
  for (int i = 0; i < 5000; ++i)
    texts.push_back("a text of some length " + std::to_string(5000 + i * 7919 % 5000));
  bool first = true;
  parallel_sort(
      pool, texts,
      [&](const std::string& a, const std::string& b) {
        if (std::exchange(first, false)) {
          begun.count_down();
          go_on.wait();
        }
        return a < b;
      },
      asio::bind_cancellation_slot(
          signal.slot(), asio::bind_executor(context, [&](std::exception_ptr e) { error = e; })));
  begun.wait();
  signal.emit(asio::cancellation_type::terminal);
  go_on.count_down();
  context.run();
  CHECK(test::code_of(error) == asio::error::operation_aborted);
  CHECK_FALSE(std::ranges::is_sorted(texts));
  std::ranges::sort(texts);
  CHECK(std::ranges::adjacent_find(texts) == texts.end());
  CHECK(texts.front() == "a text of some length 5000");
}
