#pragma once

#include <bit>
#include <cstddef>
#include <functional>
#include <iterator>
#include <utility>

// What std::sort does, with a promise more: when the order throws, every element is still there
// once. std::sort compares elements that it has moved out of the range, and forgets them then.
// Here elements change places by swaps, and one that is held outside is put back first.
namespace millrace::detail {

// Inserts `*at` into the sorted elements before it.
template <class Iterator, class Less>
void insert_into_sorted(Iterator first, Iterator at, const Less& less) {
  if (!std::invoke(less, *at, *(at - 1))) return;
  std::iter_value_t<Iterator> held(std::ranges::iter_move(at));
  try {
    do {
      *at = std::ranges::iter_move(at - 1);
      --at;
    } while (at != first && std::invoke(less, held, *(at - 1)));
  } catch (...) {
    *at = std::move(held);
    throw;
  }
  *at = std::move(held);
}

template <class Iterator, class Less>
void sort_few(Iterator first, Iterator last, const Less& less) {
  if (first == last) return;
  for (Iterator at = first + 1; at != last; ++at) insert_into_sorted(first, at, less);
}

template <class Iterator, class Less>
void sift_down(Iterator first, std::iter_difference_t<Iterator> root,
               std::iter_difference_t<Iterator> size, const Less& less) {
  for (;;) {
    auto child = 2 * root + 1;
    if (child >= size) return;
    if (child + 1 < size && std::invoke(less, first[child], first[child + 1])) ++child;
    if (!std::invoke(less, first[root], first[child])) return;
    std::ranges::iter_swap(first + root, first + child);
    root = child;
  }
}

// For inputs that make bad pivots again and again.
template <class Iterator, class Less>
void sort_by_heap(Iterator first, Iterator last, const Less& less) {
  const auto size = last - first;
  for (auto root = size / 2; root-- > 0;) sift_down(first, root, size, less);
  for (auto end = size - 1; end > 0; --end) {
    std::ranges::iter_swap(first, first + end);
    sift_down(first, std::iter_difference_t<Iterator>(0), end, less);
  }
}

template <class Iterator, class Less>
[[nodiscard]] Iterator middle_of(Iterator a, Iterator b, Iterator c, const Less& less) {
  if (std::invoke(less, *a, *b)) {
    if (std::invoke(less, *b, *c)) return b;
    return std::invoke(less, *a, *c) ? c : a;
  }
  if (std::invoke(less, *a, *c)) return a;
  return std::invoke(less, *b, *c) ? c : b;
}

// Parts four elements or more: none of [first, result) is behind any of [result, last), and neither
// of the two is empty.
template <class Iterator, class Less>
[[nodiscard]] Iterator part_for_sort(Iterator first, Iterator last, const Less& less) {
  constexpr int many = 512;
  const auto size = last - first;
  const Iterator middle = first + size / 2;
  Iterator pivot = middle_of(first + 1, middle, last - 1, less);
  if (size > many) {
    const auto step = size / 8;
    pivot = middle_of(middle_of(first + 1, first + step, first + 2 * step, less),
                      middle_of(middle - step, middle, middle + step, less),
                      middle_of(last - 1 - 2 * step, last - 1 - step, last - 1, less), less);
  }
  // At the front, where no swap below touches it.
  std::ranges::iter_swap(first, pivot);
  // The pivot is the middle of others, so either search ends inside the range, at the latest at an
  // element that the other one has left behind.
  Iterator left = first + 1;
  Iterator right = last;
  for (;;) {
    while (std::invoke(less, *left, *first)) ++left;
    --right;
    while (std::invoke(less, *first, *right)) --right;
    if (!(left < right)) return left;
    std::ranges::iter_swap(left, right);
    ++left;
  }
}

// How often a range may be parted before its pivots count as bad.
[[nodiscard]] inline int most_partings(std::size_t size) noexcept {
  return 2 * static_cast<int>(std::bit_width(size));
}

template <class Iterator, class Less>
void sort_range(Iterator first, Iterator last, int partings, const Less& less) {
  constexpr int few = 16;
  while (last - first > few) {
    if (partings-- == 0) return sort_by_heap(first, last, less);
    const Iterator middle = part_for_sort(first, last, less);
    sort_range(middle, last, partings, less);
    last = middle;
  }
  sort_few(first, last, less);
}

}  // namespace millrace::detail
