#include "millrace/patterns.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <latch>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "support/catch.hpp"
#include "support/job_types.hpp"
#include "support/run.hpp"

using asio::use_future;
using millrace::ComputePool;
using millrace::PatternOptions;

namespace {

std::vector<int> numbers_to(int end) {
  std::vector<int> numbers(static_cast<std::size_t>(end));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

}  // namespace

TEST_CASE(
    "parallel_map: results in input order and of any number of elements in chunks of any size") {
  for (const int workers : {1, 3}) {
    ComputePool pool{{.threads = workers}};
    for (const int size : {0, 1, 2, 1000}) {
      const std::vector<int> numbers = numbers_to(size);
      for (const std::size_t chunk : {0U, 1U, 7U, 100'000U}) {
        const std::vector<int> got =
            parallel_map(
                pool, {.chunk_size = chunk}, numbers, [](int i) { return 3 * i; }, use_future)
                .get();
        REQUIRE(got.size() == numbers.size());
        for (int i = 0; i < size; ++i) REQUIRE(got[std::size_t(i)] == 3 * i);
      }
    }
  }
}

TEST_CASE("parallel_map: so many elements that chunks are as large as they get") {
  ComputePool pool{{.threads = 2}};
  const std::vector<int> numbers = numbers_to(200'001);
  CHECK(parallel_map(pool, numbers, [](int i) { return i; }, use_future).get() == numbers);
}

TEST_CASE("the patterns use all workers at once") {
  ComputePool pool{{.threads = 3}};
  std::latch all_there(3);
  parallel_for_each(
      pool, numbers_to(3), [&](int) { all_there.arrive_and_wait(); }, use_future)
      .get();
  SUCCEED("all three met");
}

TEST_CASE(
    "an rvalue container is the operation's own and its elements are the callable's to take") {
  ComputePool pool{{.threads = 2}};
  std::vector<std::unique_ptr<int>> owned;
  for (int i = 0; i < 100; ++i) owned.push_back(std::make_unique<int>(i));
  const auto got = parallel_map(
                       pool, std::move(owned),
                       [](std::unique_ptr<int> one) {
                         *one *= 2;
                         return one;
                       },
                       use_future)
                       .get();
  REQUIRE(got.size() == 100);
  for (int i = 0; i < 100; ++i) REQUIRE(*got[std::size_t(i)] == 2 * i);
}

TEST_CASE("an lvalue is borrowed and its elements can be changed in place") {
  ComputePool pool{{.threads = 2}};
  std::vector<std::unique_ptr<int>> borrowed;
  for (int i = 0; i < 100; ++i) borrowed.push_back(std::make_unique<int>(i));
  const auto* const first = borrowed.front().get();
  parallel_for_each(pool, borrowed, [](std::unique_ptr<int>& one) { *one += 1; }, use_future).get();
  CHECK(borrowed.front().get() == first);
  for (int i = 0; i < 100; ++i) REQUIRE(*borrowed[std::size_t(i)] == i + 1);
}

TEST_CASE("spans and views and other containers") {
  ComputePool pool{{.threads = 2}};
  const std::vector<int> numbers = numbers_to(50);
  const auto square = [](int i) { return i * i; };
  const std::vector<int> expected = parallel_map(pool, numbers, square, use_future).get();
  CHECK(expected.back() == 49 * 49);
  auto started = [&] {  // the span is gone before the pool gets to it, what it shows isn't
    const std::span<const int> some(numbers);
    return parallel_map(pool, some, square, use_future);
  }();
  CHECK(started.get() == expected);
  CHECK(parallel_map(pool, std::views::iota(0, 50), square, use_future).get() == expected);
  const std::deque<int> queue(numbers.begin(), numbers.end());
  CHECK(parallel_map(pool, queue, square, use_future).get() == expected);
  CHECK(parallel_map(pool, std::deque<int>(queue), square, use_future).get() == expected);
}

TEST_CASE("parallel_map: results without default and bool and references") {
  ComputePool pool{{.threads = 2}};
  std::vector<int> numbers = numbers_to(100);
  const auto bare =
      parallel_map(pool, numbers, [](int i) { return test::NoDefault(i); }, use_future).get();
  for (int i = 0; i < 100; ++i) REQUIRE(bare[std::size_t(i)].value == i);

  const std::vector<bool> odd =
      parallel_map(
          pool, {.chunk_size = 1}, numbers, [](int i) { return i % 2 == 1; }, use_future)
          .get();
  for (std::size_t i = 0; i < 100; ++i) REQUIRE(odd[i] == (i % 2 == 1));

  const std::vector<std::reference_wrapper<int>> same =
      parallel_map(pool, numbers, [](int& i) -> int& { return i; }, use_future).get();
  for (std::size_t i = 0; i < 100; ++i) REQUIRE(&same[i].get() == &numbers[i]);
}

TEST_CASE("parallel_chunks: one result per chunk in input order") {
  ComputePool pool{{.threads = 2}};
  const std::vector<int> numbers = numbers_to(10);
  const auto copy = [](std::span<const int> chunk) {
    return std::vector<int>(chunk.begin(), chunk.end());
  };
  using chunks = std::vector<std::vector<int>>;
  CHECK(parallel_chunks(pool, {.chunk_size = 4}, numbers, copy, use_future).get() ==
        chunks{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}});
  CHECK(parallel_chunks(pool, {.chunk_size = 10}, numbers, copy, use_future).get() ==
        chunks{numbers});
  CHECK(parallel_chunks(pool, {.chunk_size = 99}, numbers, copy, use_future).get() ==
        chunks{numbers});
  CHECK(
      parallel_chunks(pool, {.chunk_size = 4}, std::vector<int>(), copy, use_future).get().empty());

  const std::deque<int> queue(numbers.begin(), numbers.end());
  const auto sizes = parallel_chunks(
                         pool, {.chunk_size = 3}, queue,
                         [](const auto& chunk) { return std::ranges::size(chunk); }, use_future)
                         .get();
  CHECK(std::vector<std::size_t>(sizes.begin(), sizes.end()) ==
        std::vector<std::size_t>{3, 3, 3, 1});
}

TEST_CASE("parallel_batch: the results of all chunks one behind the other") {
  ComputePool pool{{.threads = 2}};
  for (const int size : {0, 1, 15, 16, 17, 1000}) {
    std::vector<std::unique_ptr<int>> owned;
    for (int i = 0; i < size; ++i) owned.push_back(std::make_unique<int>(i));
    const auto even = parallel_batch(
                          pool, std::move(owned),
                          [](std::span<std::unique_ptr<int>> chunk) {
                            std::vector<std::unique_ptr<int>> kept;
                            for (auto& one : chunk) {
                              if (*one % 2 == 0) kept.push_back(std::move(one));
                            }
                            return kept;
                          },
                          use_future)
                          .get();
    REQUIRE(even.size() == std::size_t((size + 1) / 2));
    for (std::size_t i = 0; i < even.size(); ++i) REQUIRE(*even[i] == 2 * int(i));
  }
}

TEST_CASE("parallel_filter_map: a chain of stages in one pass") {
  ComputePool pool{{.threads = 2}};
  const auto parse = [](const std::string& text) -> std::optional<int> {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return {};
    return number;
  };
  const auto odd = [](int number) {
    return number % 2 == 1 ? std::optional(number) : std::nullopt;
  };
  const auto half = [](int number) { return number / 2.0; };
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back(i % 10 == 0 ? "none" : std::to_string(i));

  const auto kept =
      parallel_filter_map(pool, texts, millrace::stages(parse, odd, half), use_future).get();
  STATIC_REQUIRE(std::is_same_v<decltype(kept), const std::vector<double>>);
  REQUIRE(kept.size() == 500);
  for (std::size_t i = 0; i < kept.size(); ++i) REQUIRE(kept[i] == double(i) + 0.5);

  const std::vector<int> parsed = parallel_filter_map(pool, texts, parse, use_future).get();
  CHECK(parsed.size() == 900);
  CHECK(parallel_filter_map(pool, std::vector<std::string>(), parse, use_future).get().empty());
}

TEST_CASE("parallel_reduce: an operation that isn't commutative") {
  for (const int workers : {1, 3}) {
    ComputePool pool{{.threads = workers}};
    for (const int size : {0, 1, 500}) {
      std::string expected;
      for (int i = 0; i < size; ++i) expected += std::to_string(i) + ' ';
      const std::vector<int> numbers = numbers_to(size);
      for (const std::size_t chunk : {0U, 1U, 7U, 100'000U}) {
        const std::string got =
            parallel_reduce(
                pool, {.chunk_size = chunk}, numbers, std::string(),
                [](std::string text, int i) { return std::move(text) + std::to_string(i) + ' '; },
                std::plus<>(), use_future)
                .get();
        REQUIRE(got == expected);
      }
    }
  }
}

TEST_CASE("parallel_reduce: elements and totals that can only be moved") {
  ComputePool pool{{.threads = 2}};
  std::vector<std::unique_ptr<int>> owned;
  for (int i = 0; i < 100; ++i) owned.push_back(std::make_unique<int>(i));
  using list = std::vector<std::unique_ptr<int>>;
  const list all = parallel_reduce(
                       pool, std::move(owned), [] { return list(); },
                       [](list one, std::unique_ptr<int> next) {
                         one.push_back(std::move(next));
                         return one;
                       },
                       [](list left, list right) {
                         std::ranges::move(right, std::back_inserter(left));
                         return left;
                       },
                       use_future)
                       .get();
  REQUIRE(all.size() == 100);
  for (int i = 0; i < 100; ++i) REQUIRE(*all[std::size_t(i)] == i);
}

TEST_CASE("parallel_reduce: with a chunk size the same rounding whatever the number of workers") {
  std::vector<double> values;
  for (int i = 1; i < 10'000; ++i) values.push_back(1.0 / i);
  std::optional<double> expected;
  for (const int workers : {1, 2, 5}) {
    ComputePool pool{{.threads = workers}};
    for (int i = 0; i < 20; ++i) {
      const double sum = parallel_reduce(pool, {.chunk_size = 10}, values, 0.0, std::plus<>(),
                                         std::plus<>(), use_future)
                             .get();
      if (!expected) expected = sum;
      REQUIRE(sum == *expected);  // to the last bit
    }
  }
}

TEST_CASE("parallel_sort: in place or handed back and by any order") {
  ComputePool pool{{.threads = 2}};
  for (const int size : {0, 1, 10, 20'000}) {
    std::vector<int> sorted = numbers_to(size);
    std::vector<int> numbers = sorted;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      std::swap(numbers[i], numbers[i * 7919 % (i + 1)]);
    REQUIRE(parallel_sort(pool, std::vector<int>(numbers), std::ranges::less(), use_future).get() ==
            sorted);
    parallel_sort(pool, std::span(numbers), std::ranges::less(), use_future).get();
    REQUIRE(numbers == sorted);
    parallel_sort(pool, {.label = "sort"}, numbers, std::ranges::greater(), use_future).get();
    REQUIRE(std::ranges::is_sorted(numbers, std::ranges::greater()));
  }
}

TEST_CASE("parallel_sort: an order that can only be moved") {
  struct Falling {
    Falling() = default;
    Falling(const Falling&) = delete;
    Falling(Falling&&) = default;
    bool operator()(int a, int b) const { return a > b; }
  };
  static_assert(std::is_trivially_copyable_v<Falling>);
  ComputePool pool{{.threads = 2}};
  const auto sorted = parallel_sort(pool, numbers_to(1000), Falling(), use_future).get();
  CHECK(std::ranges::is_sorted(sorted, std::ranges::greater()));
}

TEST_CASE("parallel_sort: elements that can only be moved") {
  ComputePool pool{{.threads = 2}};
  std::vector<std::unique_ptr<int>> owned;
  for (int i = 0; i < 2000; ++i) owned.push_back(std::make_unique<int>(i * 7919 % 2003));
  const auto by_value = [](const auto& a, const auto& b) { return *a < *b; };
  const auto sorted = parallel_sort(pool, std::move(owned), by_value, use_future).get();
  REQUIRE(sorted.size() == 2000);
  CHECK(std::ranges::is_sorted(sorted, by_value));
}

TEST_CASE("a pattern borrows from the frame that awaits it and needs no token") {
  ComputePool pool{{.threads = 2}};
  test::run([](ComputePool<>& p) -> asio::awaitable<void> {
    std::vector<int> numbers = numbers_to(1000);
    const int factor = 3;
    const std::vector<int> got =
        co_await parallel_map(p, numbers, [&](int& i) { return factor * std::exchange(i, 0); });
    CHECK(std::accumulate(got.begin(), got.end(), 0) == 3 * 499'500);
    CHECK(std::accumulate(numbers.begin(), numbers.end(), 0) == 0);
    std::ranges::reverse(numbers = numbers_to(10));
    const std::vector<int> sorted = co_await parallel_sort(p, std::move(numbers));
    CHECK(sorted == numbers_to(10));
  }(pool));
}

TEST_CASE("patterns inside the pool: in a coroutine on it and in a job of a pattern") {
  for (const int workers : {1, 2}) {
    ComputePool pool{{.threads = workers}};
    const auto rows = [](ComputePool<>& p,
                         const std::vector<int>& numbers) -> asio::awaitable<long> {
      const auto row = [&](int) {
        return p.execute_sync([&] { return std::accumulate(numbers.begin(), numbers.end(), 0L); });
      };
      const std::vector<long> sums = co_await parallel_map(p, numbers, row);
      co_return co_await parallel_reduce(p, sums, 0L, std::plus<>(), std::plus<>());
    };
    const std::vector<int> numbers = numbers_to(100);
    CHECK(asio::co_spawn(pool, rows(pool, numbers), use_future).get() == 100L * 4950);
  }
}

TEST_CASE("a pattern is one job and its options are that job's") {
  ComputePool pool{{.threads = 2}};
  std::atomic<int> calls = 0;
  const auto count = [&](int, std::stop_token) { ++calls; };
  parallel_for_each(pool, {.job = {.label = "counting"}}, numbers_to(100), count, use_future).get();
  CHECK(calls == 100);
  CHECK(pool.metrics().submitted == 1);

  auto late =
      parallel_for_each(pool, {.job = {.deadline = std::chrono::steady_clock::time_point()}},
                        numbers_to(100), count, use_future);
  std::error_code code;
  try {
    late.get();
  } catch (const std::system_error& error) {
    code = error.code();
  }
  CHECK(code == millrace::errc::deadline_exceeded);
  CHECK(calls == 100);
}

TEST_CASE("the options of every pattern are its job's") {
  ComputePool pool{{.threads = 1}};
  std::vector<int> numbers = numbers_to(3);
  const auto same = [](int i) { return i; };
  const auto of = [](std::string_view label) { return PatternOptions{.job = {.label = label}}; };
  parallel_for_each(pool, of("for_each"), numbers, same, use_future).get();
  parallel_map(pool, of("map"), numbers, same, use_future).get();
  parallel_filter_map(
      pool, of("filter_map"), numbers, [](int i) { return std::optional(i); }, use_future)
      .get();
  const auto size = [](std::span<int> chunk) { return chunk.size(); };
  parallel_chunks(pool, of("chunks"), numbers, size, use_future).get();
  const auto all = [](std::span<int> chunk) {
    return std::vector<int>(chunk.begin(), chunk.end());
  };
  parallel_batch(pool, of("batch"), numbers, all, use_future).get();
  parallel_reduce(pool, of("reduce"), numbers, 0, std::plus<>(), std::plus<>(), use_future).get();
  parallel_sort(pool, {.label = "sort"}, numbers, std::less<>(), use_future).get();

  std::vector<std::string> labels;
  for (const auto& one : pool.metrics().by_label) {
    labels.push_back(one.label);
    CHECK(one.submitted == 1);
  }
  CHECK(labels == std::vector<std::string>{"for_each", "map", "filter_map", "chunks", "batch",
                                           "reduce", "sort"});
}
