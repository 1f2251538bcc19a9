#include "millrace/detail/sort.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <random>
#include <ranges>
#include <vector>

#include "support/catch.hpp"
#include "support/throwing.hpp"

using millrace::detail::most_partings;
using millrace::detail::part_for_sort;
using millrace::detail::sort_range;

namespace {

std::vector<int> numbers_to(int end) {
  std::vector<int> numbers(static_cast<std::size_t>(end));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

template <class Less>
void sort_all(std::vector<int>& numbers, const Less& less) {
  sort_range(numbers.begin(), numbers.end(), most_partings(numbers.size()), less);
}

// Decides on the order of numbers while they are sorted, so that whatever is chosen as a pivot is
// nearly the least: McIlroy, "A Killer Adversary for Quicksort", 1999.
class Adversary {
 public:
  explicit Adversary(int size) : keys_(static_cast<std::size_t>(size), undecided) {}

  bool operator()(int a, int b) const {
    ++calls;
    if (key(a) == undecided && key(b) == undecided) key(a == candidate_ ? a : b) = decided_++;
    if (key(a) == undecided) candidate_ = a;
    if (key(b) == undecided) candidate_ = b;
    return key(a) < key(b);
  }

  [[nodiscard]] bool decided_less(int a, int b) const { return key(a) < key(b); }

  mutable int calls = 0;

 private:
  static constexpr int undecided = 1 << 30;
  int& key(int number) const { return keys_[static_cast<std::size_t>(number)]; }

  mutable std::vector<int> keys_;
  mutable int decided_ = 0;
  mutable int candidate_ = 0;
};

}  // namespace

TEST_CASE("sort: any size, in any order, with equals") {
  std::mt19937 random(1);
  for (int size = 0; size < 2000; size += size < 60 ? 1 : 97) {
    const std::vector<int> sorted = numbers_to(size);
    std::vector<int> numbers = sorted;
    sort_all(numbers, std::ranges::less());
    REQUIRE(numbers == sorted);
    std::ranges::reverse(numbers);
    sort_all(numbers, std::ranges::less());
    REQUIRE(numbers == sorted);
    std::ranges::shuffle(numbers, random);
    sort_all(numbers, std::ranges::less());
    REQUIRE(numbers == sorted);
    for (int& number : numbers) number = static_cast<int>(random() % 3);
    std::vector<int> expected = numbers;
    std::ranges::sort(expected);
    sort_all(numbers, std::ranges::less());
    REQUIRE(numbers == expected);
  }
}

TEST_CASE("sort: a part is never empty and never behind the next") {
  std::mt19937 random(1);
  for (int size = 4; size < 3000; size += size < 60 ? 1 : 97) {
    for (const unsigned values : {1U, 2U, 5U, 1000U}) {
      std::vector<int> numbers(static_cast<std::size_t>(size));
      for (int& number : numbers) number = static_cast<int>(random() % values);
      const auto middle = part_for_sort(numbers.begin(), numbers.end(), std::ranges::less());
      REQUIRE(middle > numbers.begin());
      REQUIRE(middle < numbers.end());
      REQUIRE(*std::max_element(numbers.begin(), middle) <=
              *std::min_element(middle, numbers.end()));
    }
  }
}

TEST_CASE("sort: an adversary gets no square of the size, and no element if the order throws") {
  constexpr int size = 3000;
  const std::vector<int> sorted = numbers_to(size);
  std::vector<int> numbers = sorted;
  const Adversary adversary(size);
  sort_all(numbers, std::cref(adversary));
  const auto decided_less = [&](int a, int b) { return adversary.decided_less(a, b); };
  CHECK(std::ranges::is_sorted(numbers, decided_less));
  CHECK(adversary.calls < 100 * size);  // 270 * size without a limit

  test::Injection::running(true);
  for (int n = 1;; n += 997) {
    test::Injection::at(n);
    numbers = sorted;
    bool threw = false;
    try {
      sort_all(numbers, [&](int a, int b) {
        test::Injection::point();
        return decided_less(a, b);
      });
    } catch (const test::Injected&) {
      threw = true;
    }
    std::ranges::sort(numbers);
    REQUIRE(numbers == sorted);
    if (!threw) break;
  }
  test::Injection::running(false);
}
