#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <ranges>
#include <stop_token>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/concepts.hpp"
#include "millrace/detail/expected_like.hpp"
#include "millrace/detail/first_failure.hpp"
#include "millrace/detail/handler.hpp"
#include "millrace/detail/parallel.hpp"
#include "millrace/detail/range_source.hpp"
#include "millrace/detail/refusals.hpp"

// What the patterns do on a worker, as callables for ComputePool::install.
namespace millrace::detail {

// Calls `each(part)` for the parts, but not for those that mustn't begin any more.
template <class Failure, class Each>
void run_parts(const cut& cuts, Failure& failure, const Each& each) {
  const auto some = [&](std::size_t first, std::size_t end) {
    for (std::size_t part = first; part != end && failure.may_begin(part); ++part) {
      failure.run(part, [&] { each(part); });
    }
  };
  for_parts(cuts.parts(), cuts.how(), parts_ref(some));
}

// Results in their places, whoever makes them first.
template <class T>
class result_slots {
 public:
  explicit result_slots(std::size_t size) : slots_(size) {}

  template <class Value>
  void set(std::size_t i, Value&& value) {
    if constexpr (in_place) {
      slots_[i] = std::forward<Value>(value);
    } else {
      slots_[i].emplace(std::forward<Value>(value));
    }
  }

  [[nodiscard]] std::vector<T> take() && {
    if constexpr (in_place) {
      return std::move(slots_);
    } else {
      std::vector<T> all;
      all.reserve(slots_.size());
      for (auto& slot : slots_) all.push_back(*std::move(slot));
      return all;
    }
  }

 private:
  // Not bool, neighbours of which share a byte.
  static constexpr bool in_place =
      std::default_initializable<T> && std::assignable_from<T&, T> && !std::same_as<T, bool>;

  std::vector<std::conditional_t<in_place, T, std::optional<T>>> slots_;
};

template <class T>
[[nodiscard]] std::vector<std::ranges::range_value_t<T>> joined(std::vector<T> parts) {
  std::size_t size = 0;
  for (const T& part : parts) size += static_cast<std::size_t>(std::ranges::size(part));
  std::vector<std::ranges::range_value_t<T>> all;
  all.reserve(size);
  for (T& part : parts) {
    all.insert(all.end(), std::make_move_iterator(std::ranges::begin(part)),
               std::make_move_iterator(std::ranges::end(part)));
  }
  return all;
}

template <class F, class Argument>
using called_t = decltype(call_with(std::declval<const F&>(), std::declval<Argument>(),
                                    std::declval<const std::stop_token&>()));

// Of a pattern's callable; an expected-like stands for its value.
template <class Returned>
constexpr void check_called() {
  check_returned<Returned>();
  check_returned<unwrapped_value_t<Returned>>();
}

// Elements of `parts` whose values `keep(part, index, value)` gets.
template <class Range, class F, class Failure, class Keep>
void for_elements(over<Range, F>& all, const cut& cuts, Failure& failure, const Keep& keep) {
  const auto first = all.begin();
  run_parts(cuts, failure, [&](std::size_t part) {
    const std::size_t end = cuts.end(part);
    for (std::size_t i = cuts.first(part); i != end; ++i) {
      const bool good = failure.settle(
          part,
          [&]() -> decltype(auto) {
            return call_with(all.f, element_at<element_t<Range, F>>(first, i), failure.stop());
          },
          [&](auto&&... value) { keep(part, i, std::forward<decltype(value)>(value)...); });
      if (!good) return;
    }
  });
}

template <class Range, class F>
class for_each_body {
  using element = element_t<Range, F>;
  static_assert(takes<F, element>,
                "parallel_for_each: f must be callable, as const, with an element");
  using returned = called_t<F, element>;

 public:
  using result_type = outcome_t<returned, void>;

  explicit for_each_body(over<Range, F>&& all) : all_(std::move(all)) {}

  result_type operator()(const std::stop_token& stop) {
    check_begun<returned>();
    check_begun<unwrapped_value_t<returned>>();
    first_failure<unwrapped_error_t<returned>> failure(stop);
    for_elements(all_, all_.parts(), failure, [](std::size_t, std::size_t, auto&&...) {});
    return failure.template finish<result_type>([] { return result_type(); });
  }

 private:
  over<Range, F> all_;
};

template <class Range, class F>
class map_body {
  using element = element_t<Range, F>;
  static_assert(takes<F, element>, "parallel_map: f must be callable, as const, with an element");
  using returned = called_t<F, element>;
  using value = job_value_t<unwrapped_value_t<returned>>;
  static_assert(!std::is_void_v<value>,
                "parallel_map: f must return something; else it is parallel_for_each");

 public:
  using result_type = outcome_t<returned, std::vector<value>>;

  explicit map_body(over<Range, F>&& all) : all_(std::move(all)) {}

  result_type operator()(const std::stop_token& stop) {
    check_called<returned>();
    first_failure<unwrapped_error_t<returned>> failure(stop);
    result_slots<value> results(all_.size());
    for_elements(all_, all_.parts(), failure, [&](std::size_t, std::size_t i, auto&& got) {
      results.set(i, std::forward<decltype(got)>(got));
    });
    return failure.template finish<result_type>([&] { return std::move(results).take(); });
  }

 private:
  over<Range, F> all_;
};

template <class Range, class F>
class filter_map_body {
  using element = element_t<Range, F>;
  static_assert(takes<F, element>,
                "parallel_filter_map: f must be callable, as const, with an element");
  using returned = called_t<F, element>;
  using maybe = std::remove_cvref_t<unwrapped_value_t<returned>>;
  static_assert(optional_like<maybe>, "parallel_filter_map: f must return a std::optional");
  using value = typename maybe::value_type;

 public:
  using result_type = outcome_t<returned, std::vector<value>>;

  explicit filter_map_body(over<Range, F>&& all) : all_(std::move(all)) {}

  result_type operator()(const std::stop_token& stop) {
    check_called<returned>();
    check_returned<value>();
    const cut cuts = all_.parts();
    first_failure<unwrapped_error_t<returned>> failure(stop);
    std::vector<std::vector<value>> kept(cuts.parts());
    for_elements(all_, cuts, failure, [&](std::size_t part, std::size_t, auto&& got) {
      if (got.has_value()) kept[part].push_back(std::forward<decltype(got)>(got).value());
    });
    return failure.template finish<result_type>([&] { return joined(std::move(kept)); });
  }

 private:
  over<Range, F> all_;
};

// parallel_chunks, and parallel_batch: Join is what is done with all chunks' results.
template <class Range, class F, class Join>
class chunks_body {
  using chunk = chunk_t<Range>;
  static_assert(takes<F, chunk>,
                "parallel_chunks, parallel_batch: f must be callable, as const, with a chunk");
  using returned = called_t<F, chunk>;
  using value = job_value_t<unwrapped_value_t<returned>>;
  static_assert(!std::is_void_v<value>, "parallel_chunks, parallel_batch: f must return something");

 public:
  using result_type = outcome_t<returned, decltype(Join()(std::declval<std::vector<value>>()))>;

  chunks_body(over<Range, F>&& all, Join) : all_(std::move(all)) {}

  result_type operator()(const std::stop_token& stop) {
    check_called<returned>();
    const cut cuts = all_.chunks();
    first_failure<unwrapped_error_t<returned>> failure(stop);
    result_slots<value> results(cuts.parts());
    const auto first = all_.begin();
    run_parts(cuts, failure, [&](std::size_t part) {
      failure.settle(
          part,
          [&]() -> decltype(auto) {
            return call_with(all_.f, chunk_of(first, cuts.first(part), cuts.end(part)), stop);
          },
          [&](auto&& got) { results.set(part, std::forward<decltype(got)>(got)); });
    });
    return failure.template finish<result_type>([&] { return Join()(std::move(results).take()); });
  }

 private:
  over<Range, F> all_;
};

struct as_they_are {
  template <class T>
  std::vector<T> operator()(std::vector<T> results) const {
    return results;
  }
};
struct one_behind_the_other {
  template <class T>
  std::vector<std::ranges::range_value_t<T>> operator()(std::vector<T> results) const {
    return joined(std::move(results));
  }
};

template <class Range, class Less>
class sort_body {
  using source = range_source<Range>;
  static_assert(std::permutable<typename source::iterator>,
                "parallel_sort: the elements must be movable, and not const");
  static_assert(std::predicate<const Less&, typename source::reference, typename source::reference>,
                "parallel_sort: less must be callable, as const, with two elements");

 public:
  // A container that came as an rvalue goes back to its owner.
  using result_type = std::conditional_t<source::is_owned, std::remove_cvref_t<Range>, void>;

  sort_body(source&& range, Less&& less) : range_(std::move(range)), less_(std::move(less)) {}

  result_type operator()(const std::stop_token& stop) {
    auto& all = range_.all();
    const auto first = std::ranges::begin(all);
    const auto end =
        first + static_cast<std::iter_difference_t<decltype(first)>>(std::ranges::size(all));
    if (!sort_parts(first, end, less_, stop)) throw std::system_error(operation_aborted());
    if constexpr (source::is_owned) return std::move(all);
  }

 private:
  source range_;
  Less less_;
};

}  // namespace millrace::detail
