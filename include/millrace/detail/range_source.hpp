#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/detail/parallel.hpp"
#include "millrace/detail/refusals.hpp"

namespace millrace::detail {

// Calls with the argument, and with the stop token if the callable takes that as well; as const, as
// several threads do so at a time.
template <class F, class Argument>
concept takes_token = takes_stop<const F&, Argument>;
template <class F, class Argument>
concept takes = takes_token<F, Argument> || std::invocable<const F&, Argument>;

template <class F, class Argument>
  requires takes<F, Argument>
decltype(auto) call_with(const F& f, Argument&& argument,
                         [[maybe_unused]] const std::stop_token& stop) {
  if constexpr (takes_token<F, Argument>) {
    return call_stoppable(stop, f, std::forward<Argument>(argument));
  } else {
    return std::invoke(f, std::forward<Argument>(argument));
  }
}

// The range of a pattern, `Range` as a forwarding reference deduces it: a container that came as an
// rvalue is owned, an lvalue borrowed, a view copied.
template <class Range>
class range_source {
  static_assert((check_range<Range>(), true));
  using plain = std::remove_cvref_t<Range>;
  // A range whose iterators outlive it owns no elements, and is as good as a view.
  static constexpr bool is_view =
      (std::ranges::view<plain> || std::ranges::borrowed_range<plain>) &&
      std::constructible_from<plain, Range>;
  static constexpr bool is_borrowed = !is_view && std::is_lvalue_reference_v<Range>;
  using range = std::conditional_t<is_borrowed, std::remove_reference_t<Range>, plain>;

 public:
  static constexpr bool is_owned = !is_view && !is_borrowed;

  using iterator = std::ranges::iterator_t<range>;
  using reference = std::ranges::range_reference_t<range>;
  using rvalue_reference = std::ranges::range_rvalue_reference_t<range>;

  // How a callable gets an element: that of an owned container is its to take if it can be.
  template <class F>
  using element_for =
      std::conditional_t<is_owned && takes<F, rvalue_reference>, rvalue_reference, reference>;

  explicit range_source(Range&& from) : kept_(keep(std::forward<Range>(from))) {}

  [[nodiscard]] range& all() noexcept {
    if constexpr (is_borrowed) {
      return *kept_;
    } else {
      return kept_;
    }
  }

 private:
  static auto keep(Range&& from) {
    if constexpr (is_borrowed) {
      return std::addressof(from);
    } else {
      return plain(std::forward<Range>(from));
    }
  }

  std::conditional_t<is_borrowed, range*, plain> kept_;
};

// How many elements make a part of a range, and how parts are handed out.
class cut {
 public:
  // In parts of the size that was asked for. 0: by itself; so small that all workers are busy to
  // the end, and that the time between two looks at what has failed is short, but large enough for
  // these looks to cost nothing beside the cheapest elements.
  static cut into_parts(std::size_t elements, std::size_t wanted, std::size_t workers) noexcept {
    constexpr std::size_t parts_per_worker = 32;
    constexpr std::size_t most = 1024;
    if (wanted != 0) return {elements, wanted, handed_out::one_by_one};
    return {elements, std::clamp(elements / (workers * parts_per_worker), std::size_t{1}, most),
            handed_out::on_demand};
  }

  // In parts that the callable itself gets to see: each costs a call, and perhaps a result.
  static cut into_chunks(std::size_t elements, std::size_t wanted, std::size_t workers) noexcept {
    const std::size_t chunks = workers * 8;
    const std::size_t size = elements / chunks + (elements % chunks != 0 ? 1 : 0);
    return {elements, wanted != 0 ? wanted : std::max(size, std::size_t{1}),
            handed_out::one_by_one};
  }

  [[nodiscard]] std::size_t elements() const noexcept { return elements_; }
  [[nodiscard]] std::size_t parts() const noexcept {
    return elements_ == 0 ? 0 : (elements_ - 1) / size_ + 1;
  }
  [[nodiscard]] handed_out how() const noexcept { return how_; }

  // Element indices of a part: [first, end).
  [[nodiscard]] std::size_t first(std::size_t part) const noexcept { return part * size_; }
  [[nodiscard]] std::size_t end(std::size_t part) const noexcept {
    return first(part) + std::min(size_, elements_ - first(part));
  }

 private:
  cut(std::size_t elements, std::size_t size, handed_out how) noexcept
      : elements_(elements), size_(size), how_(how) {}

  std::size_t elements_;
  std::size_t size_;
  handed_out how_;
};

// Element `i`, as `Element`.
template <class Element, class Iterator>
[[nodiscard]] Element element_at(const Iterator& first, std::size_t i) {
  return static_cast<Element>(first[static_cast<std::iter_difference_t<Iterator>>(i)]);
}

// Elements [begin, end): a span where they lie in a row, else a subrange.
template <class Iterator>
[[nodiscard]] auto chunk_of(const Iterator& first, std::size_t begin, std::size_t end) {
  using difference = std::iter_difference_t<Iterator>;
  const Iterator from = first + static_cast<difference>(begin);
  if constexpr (std::contiguous_iterator<Iterator>) {
    return std::span(from, end - begin);
  } else {
    return std::ranges::subrange(from, first + static_cast<difference>(end));
  }
}

template <class Range, class F>
using element_t = typename range_source<Range>::template element_for<F>;
template <class Range>
using chunk_t =
    decltype(chunk_of(std::declval<const typename range_source<Range>::iterator&>(), 0, 0));

// A range, what is called with its elements or chunks, and how it is to be cut.
template <class Range, class F>
struct over {
  range_source<Range> range;
  F f;
  std::size_t chunk_size;
  std::size_t workers;

  using iterator = typename range_source<Range>::iterator;

  [[nodiscard]] iterator begin() { return std::ranges::begin(range.all()); }
  [[nodiscard]] std::size_t size() {
    return static_cast<std::size_t>(std::ranges::size(range.all()));
  }
  [[nodiscard]] cut parts() { return cut::into_parts(size(), chunk_size, workers); }
  [[nodiscard]] cut chunks() { return cut::into_chunks(size(), chunk_size, workers); }
};

template <class Range, class F>
[[nodiscard]] auto over_range(Range&& range, F&& f, std::size_t chunk_size, int workers) {
  check_callable<F>();
  return over<Range, std::decay_t<F>>{range_source<Range>(std::forward<Range>(range)),
                                      std::forward<F>(f), chunk_size,
                                      static_cast<std::size_t>(workers)};
}

}  // namespace millrace::detail
