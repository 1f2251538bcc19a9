#pragma once

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_for_each.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <iterator>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "millrace/detail/sort.hpp"

// oneTBB's loops, for patterns.hpp. Not in arena.hpp, which every user of a pool includes: they
// take longer to compile than all the rest of it. To be called inside an isolated region.
namespace millrace::detail {

// Which parts may go to another worker: each, or as many as there are idle workers to take them.
enum class handed_out { one_by_one, on_demand };

// A borrowed callable `(first part, end of parts)`, so that the loop is compiled once per file and
// not for each pattern in it.
class parts_ref {
 public:
  template <class Body>
  explicit parts_ref(const Body& body) noexcept
      : body_(&body), call_([](const void* one, std::size_t first, std::size_t end) {
          (*static_cast<const Body*>(one))(first, end);
        }) {}

  void operator()(std::size_t first, std::size_t end) const { call_(body_, first, end); }

 private:
  const void* body_;
  void (*call_)(const void*, std::size_t, std::size_t);
};

using parts_range = oneapi::tbb::blocked_range<std::size_t>;

// Calls `body` with consecutive parts of [0, parts) until all of them have had their turn.
inline void for_parts(std::size_t parts, handed_out how, parts_ref body) {
  const auto run = [body](const parts_range& some) { body(some.begin(), some.end()); };
  if (how == handed_out::one_by_one) {
    oneapi::tbb::parallel_for(parts_range(0, parts), run, oneapi::tbb::simple_partitioner());
  } else {
    oneapi::tbb::parallel_for(parts_range(0, parts), run, oneapi::tbb::auto_partitioner());
  }
}

// What oneTBB wants of a reduction, around a Fold with `run(first, end)` for consecutive parts, in
// order; `join(Fold&)` for what comes right behind; `sibling()`, an empty one to start from.
template <class Fold>
class reduction {
 public:
  explicit reduction(Fold whole) : fold_(std::move(whole)) {}
  reduction(reduction& left, oneapi::tbb::split) : fold_(left.fold_.sibling()) {}

  void operator()(const parts_range& some) { fold_.run(some.begin(), some.end()); }
  void join(reduction& right) { fold_.join(right.fold_); }

  [[nodiscard]] Fold& fold() noexcept { return fold_; }

 private:
  Fold fold_;
};

// Folds all parts. One by one, parts are joined in the same way each time, whoever runs them.
template <class Fold>
[[nodiscard]] Fold reduce_parts(std::size_t parts, handed_out how, Fold whole) {
  reduction<Fold> all(std::move(whole));
  if (how == handed_out::one_by_one) {
    oneapi::tbb::parallel_deterministic_reduce(parts_range(0, parts), all,
                                               oneapi::tbb::simple_partitioner());
  } else {
    oneapi::tbb::parallel_reduce(parts_range(0, parts), all, oneapi::tbb::auto_partitioner());
  }
  return std::move(all.fold());
}

// A comparison as std::sort passes it on, by value again and again: a reference to it where that
// would be dear, or not allowed. For a plain `<` a reference would cost 4 % of the sort.
template <class Less>
[[nodiscard]] auto passed_on(const Less& less) {
  if constexpr (std::is_trivially_copy_constructible_v<Less> && sizeof(Less) <= sizeof(void*)) {
    return less;
  } else {
    return std::cref(less);
  }
}

// Are the elements in order already? Looked at in parallel, until anybody sees that they aren't.
template <class Iterator, class Less>
[[nodiscard]] bool is_sorted_already(Iterator first, std::size_t size, const Less& less,
                                     oneapi::tbb::task_group_context& context) {
  constexpr std::size_t at_a_time = 1024;
  std::atomic<bool> sorted{true};
  oneapi::tbb::parallel_for(
      parts_range(0, size, at_a_time),
      [&](const parts_range& some) {
        // Relaxed: who reads an old value looks at elements in vain.
        if (!sorted.load(std::memory_order_relaxed)) return;
        const auto end = first + static_cast<std::iter_difference_t<Iterator>>(some.end());
        auto at = first + static_cast<std::iter_difference_t<Iterator>>(some.begin());
        if (some.begin() == 0) ++at;
        for (; at != end; ++at) {
          if (!std::invoke(less, *at, *(at - 1))) continue;
          sorted.store(false, std::memory_order_relaxed);
          return;
        }
      },
      context);
  return sorted.load(std::memory_order_relaxed);
}

// Sorts by parting and parting again, each part a task. False if it was stopped. In any case, and
// also when `order` throws, the elements are all there, in some order. oneTBB's own sort loses some
// when that throws, and looks at no stop token.
template <class Iterator, class Less>
[[nodiscard]] bool sort_parts(Iterator first, Iterator last, const Less& order,
                              const std::stop_token& stop) {
  struct part {
    Iterator first;
    Iterator last;
    int partings;
  };
  constexpr std::size_t smallest = 500;
  constexpr std::size_t tasks_per_worker = 32;
  const auto size = static_cast<std::size_t>(last - first);
  const auto workers = static_cast<std::size_t>(oneapi::tbb::this_task_arena::max_concurrency());
  const auto most = std::max(smallest, size / (workers * tasks_per_worker));
  const auto less = passed_on(order);

  oneapi::tbb::task_group_context context;
  // Calls off what has not begun, and what has at its next part.
  const std::stop_callback call_off(stop, [&context] { context.cancel_group_execution(); });
  if (is_sorted_already(first, size, less, context)) return !context.is_group_execution_cancelled();
  const part whole{first, last, most_partings(size)};
  oneapi::tbb::parallel_for_each(
      &whole, &whole + 1,
      [&](part one, oneapi::tbb::feeder<part>& others) {
        while (static_cast<std::size_t>(one.last - one.first) > most && one.partings != 0) {
          if (context.is_group_execution_cancelled()) return;
          const Iterator middle = part_for_sort(one.first, one.last, less);
          --one.partings;
          others.add(part{middle, one.last, one.partings});
          one.last = middle;
        }
        sort_range(one.first, one.last, one.partings, less);
      },
      context);
  return !context.is_group_execution_cancelled();
}

}  // namespace millrace::detail
