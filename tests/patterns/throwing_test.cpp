#include <algorithm>
#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "millrace/patterns.hpp"
#include "support/catch.hpp"
#include "support/expected.hpp"
#include "support/throwing.hpp"

using asio::use_future;
using millrace::ComputePool;
using millrace::PatternOptions;
using test::Counted;
using test::CountedNoDefault;
using test::Injected;
using test::Injection;

namespace {

using Pool = ComputePool<test::WhileItRuns>;

constexpr int elements = 40;

std::vector<Counted> counted_to(int end) {
  std::vector<Counted> all;
  all.reserve(static_cast<std::size_t>(end));
  for (int i = 0; i < end; ++i) all.emplace_back(i);
  return all;
}

// Lets each operation of user code throw once, on one worker and on two, in parts of any size and
// of three. `start(pool, options, token)` starts a pattern; `check(result)` looks at what it gives
// where nothing was thrown.
template <class Start, class Check>
void at_each_point(Start start, Check check) {
  for (const int threads : {1, 2}) {
    Pool pool{{.threads = threads}};
    for (const std::size_t chunk_size : {0U, 3U}) {
      int thrown = 0;
      for (int n = 1;; ++n) {
        Injection::at(n);
        try {
          asio::io_context context;  // so that the operation is over when its result is looked at
          auto got = start(pool, PatternOptions{.chunk_size = chunk_size},
                           asio::bind_executor(context, use_future));
          context.run();
          check(got.get());
        } catch (const Injected&) {
          ++thrown;
        }
        REQUIRE(Counted::alive() == 0);
        REQUIRE(Counted::mistakes() == 0);
        if (!Injection::happened()) break;
        // On two workers it may come behind an error that was returned, and so not count.
        if (threads == 1) REQUIRE(thrown == n);
      }
      REQUIRE(thrown >= elements);
    }
  }
}

template <class Values>
void check_values(const Values& all) {
  REQUIRE(all.size() == elements);
  for (int i = 0; i < elements; ++i) REQUIRE(all[static_cast<std::size_t>(i)].value == i);
}

constexpr auto by_value = [](const auto& a, const auto& b) {
  Injection::point();
  return a.value < b.value;
};

// Lets the order throw at each comparison in turn, or at every `step`-th.
template <class T, class Make, class Number>
void sort_with_throwing_order(int size, int step, Make make, Number number) {
  std::vector<int> sorted(static_cast<std::size_t>(size));
  std::iota(sorted.begin(), sorted.end(), 0);
  std::vector<int> mixed = sorted;
  std::ranges::shuffle(mixed, std::mt19937(1));
  const auto less = [&](const T& a, const T& b) {
    Injection::point();
    return number(a) < number(b);
  };
  for (const int threads : {1, 2}) {
    Pool pool{{.threads = threads}};
    for (int n = 1;; n += step) {
      std::vector<T> all;
      for (const int i : mixed) all.push_back(make(i));
      Injection::at(n);
      bool threw = false;
      try {
        parallel_sort(pool, all, less, use_future).get();
      } catch (const Injected&) {
        threw = true;
      }
      REQUIRE(threw == Injection::happened());
      std::vector<int> left;
      for (const T& one : all) left.push_back(number(one));
      if (!threw) REQUIRE(std::ranges::is_sorted(left));
      std::ranges::sort(left);
      REQUIRE(left == sorted);
      if (!threw) break;
    }
  }
}

}  // namespace

TEST_CASE("[P56] parallel_sort: an order that throws leaves every element there once") {
  SECTION("numbers") {
    sort_with_throwing_order<int>(600, 7, [](int i) { return i; }, [](int i) { return i; });
  }
  SECTION("strings") {
    sort_with_throwing_order<std::string>(
        600, 7, [](int i) { return "a text of some length " + std::to_string(i); },
        [](const std::string& text) { return text.empty() ? -1 : std::stoi(text.substr(22)); });
  }
  SECTION("what can only be moved") {
    sort_with_throwing_order<std::unique_ptr<int>>(
        600, 7, [](int i) { return std::make_unique<int>(i); },
        [](const std::unique_ptr<int>& i) { return i == nullptr ? -1 : *i; });
  }
  SECTION("many") {
    sort_with_throwing_order<int>(50'000, 30'011, [](int i) { return i; }, [](int i) { return i; });
  }
}

TEST_CASE("[P56] parallel_sort: elements whose moves throw") {
  at_each_point(
      [](Pool& pool, PatternOptions, auto token) {
        auto all = counted_to(elements);
        std::ranges::reverse(all);
        return parallel_sort(pool, std::move(all), by_value, token);
      },
      [](const auto& all) { check_values(all); });
}

TEST_CASE("[P56] parallel_for_each: arguments whose moves throw") {
  at_each_point(
      [](Pool& pool, PatternOptions options, auto token) {
        auto called = std::make_shared<std::atomic<int>>(0);
        auto f = [called](Counted one) { *called += one.value; };
        auto ended = parallel_for_each(pool, options, counted_to(elements), f, token);
        return std::async(std::launch::deferred, [called, ended = std::move(ended)]() mutable {
          ended.get();
          return called->load();
        });
      },
      [](int sum) { REQUIRE(sum == elements * (elements - 1) / 2); });
}

TEST_CASE("[P56] parallel_map: results whose moves throw") {
  at_each_point(
      [](Pool& pool, PatternOptions options, auto token) {
        return parallel_map(
            pool, options, std::views::iota(0, elements), [](int i) { return Counted(i); }, token);
      },
      [](const auto& all) { check_values(all); });
  at_each_point(
      [](Pool& pool, PatternOptions options, auto token) {
        return parallel_map(
            pool, options, counted_to(elements),
            [](Counted one) { return CountedNoDefault(one.value); }, token);
      },
      [](const auto& all) { check_values(all); });
}

TEST_CASE("[P56] parallel_filter_map: values whose moves throw") {
  at_each_point(
      [](Pool& pool, PatternOptions options, auto token) {
        return parallel_filter_map(
            pool, options, std::views::iota(0, 2 * elements),
            [](int i) -> std::optional<Counted> {
              if (i % 2 != 0) return std::nullopt;
              return Counted(i / 2);
            },
            token);
      },
      [](const auto& all) { check_values(all); });
}

TEST_CASE("[P56] parallel_chunks and parallel_batch: results whose moves throw") {
  const auto doubled = [](const auto& chunk) {
    std::vector<Counted> all;
    for (const int i : chunk) all.emplace_back(i);
    return all;
  };
  at_each_point(
      [&](Pool& pool, PatternOptions options, auto token) {
        return parallel_batch(pool, options, std::views::iota(0, elements), doubled, token);
      },
      [](const auto& all) { check_values(all); });
  at_each_point(
      [](Pool& pool, PatternOptions, auto token) {
        return parallel_chunks(
            pool, {.chunk_size = 1}, std::views::iota(0, elements),
            [](const auto& chunk) { return CountedNoDefault(*chunk.begin()); }, token);
      },
      [](const auto& all) { check_values(all); });
}

TEST_CASE("[P56] parallel_reduce: totals whose copies and moves throw") {
  at_each_point(
      [](Pool& pool, PatternOptions options, auto token) {
        return parallel_reduce(
            pool, options, std::views::iota(0, elements), Counted(0),
            [](Counted sum, int i) {
              Injection::point();
              return Counted(sum.value + i);
            },
            [](Counted a, Counted b) {
              Injection::point();
              return Counted(a.value + b.value);
            },
            token);
      },
      [](const Counted& sum) { REQUIRE(sum.value == elements * (elements - 1) / 2); });
}

TEST_CASE("[P56] an error whose moves throw") {
  using Result = test::Expected<Counted, CountedNoDefault>;
  at_each_point(
      [](Pool& pool, PatternOptions options, auto token) {
        return parallel_map(
            pool, options, std::views::iota(0, 2 * elements),
            [](int i) -> Result {
              if (i >= elements) return test::Unexpected(CountedNoDefault(i));
              return Counted(i);
            },
            token);
      },
      [](auto got) {
        REQUIRE_FALSE(got.has_value());
        REQUIRE(got.error().value == elements);
      });
}
