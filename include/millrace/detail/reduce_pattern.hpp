#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "millrace/detail/expected_like.hpp"
#include "millrace/detail/first_failure.hpp"
#include "millrace/detail/parallel.hpp"
#include "millrace/detail/range_source.hpp"
#include "millrace/detail/refusals.hpp"

namespace millrace::detail {

// What each part of a reduction starts with: a copy of a value, or what a callable makes.
template <class Identity>
struct identity_of {
  using type = Identity;
  static type make(const Identity& identity) { return identity; }
};
template <class Identity>
  requires std::invocable<const Identity&>
struct identity_of<Identity> {
  using type = std::decay_t<std::invoke_result_t<const Identity&>>;
  static type make(const Identity& identity) { return identity(); }
};

// Fold is called with (T, element), Reduce with (T, T), each may take T as an rvalue.
template <class Range, class Identity, class Fold, class Reduce>
class reduce_body {
  using total = typename identity_of<Identity>::type;
  using reference = typename range_source<Range>::reference;
  using rvalue = typename range_source<Range>::rvalue_reference;
  using element = std::conditional_t<range_source<Range>::is_owned &&
                                         std::invocable<const Fold&, total, rvalue>,
                                     rvalue, reference>;
  static_assert(std::movable<total>, "parallel_reduce: what is reduced to must be movable");
  static_assert(std::invocable<const Fold&, total, element>,
                "parallel_reduce: fold must be callable, as const, with a total and an element");
  static_assert(std::invocable<const Reduce&, total, total>,
                "parallel_reduce: reduce must be callable, as const, with two totals");
  using returned = std::invoke_result_t<const Fold&, total, element>;
  using failure_type = first_failure<unwrapped_error_t<returned>>;

 public:
  using result_type = outcome_t<returned, total>;

  reduce_body(over<Range, Fold>&& all, Identity&& identity, Reduce&& reduce)
      : all_(std::move(all)), identity_(std::move(identity)), reduce_(std::move(reduce)) {}

  result_type operator()(const std::stop_token& stop) {
    check_returned<returned>();
    const cut cuts = all_.parts();
    failure_type failure(stop);
    const state shared{*this, cuts, failure, all_.begin()};
    partial whole = reduce_parts(cuts.parts(), cuts.how(), partial(shared));
    return failure.template finish<result_type>([&] { return std::move(whole).take(); });
  }

 private:
  struct state {
    const reduce_body& body;
    const cut& cuts;
    failure_type& failure;
    typename range_source<Range>::iterator first;
  };

  // The total of consecutive parts.
  class partial {
   public:
    explicit partial(const state& shared) : shared_(&shared) {}

    [[nodiscard]] partial sibling() const { return partial(*shared_); }

    void run(std::size_t first, std::size_t end) {
      if (!total_) first_ = first;
      for (std::size_t part = first; part != end && shared_->failure.may_begin(part); ++part) {
        shared_->failure.run(part, [&] { fold(part); });
      }
    }

    void join(partial& right) {
      if (shared_->failure.failed() || !right.total_) return;
      shared_->failure.run(right.first_, [&] {
        shared_->failure.settle(
            right.first_,
            [&]() -> decltype(auto) {
              return std::invoke(shared_->body.reduce_, *std::move(total_),
                                 *std::move(right.total_));
            },
            [&](auto&& got) { total_.emplace(std::forward<decltype(got)>(got)); });
      });
    }

    [[nodiscard]] total take() && {
      return total_ ? *std::move(total_) : identity_of<Identity>::make(shared_->body.identity_);
    }

   private:
    void fold(std::size_t part) {
      total sum = std::move(*this).take();
      const std::size_t end = shared_->cuts.end(part);
      for (std::size_t i = shared_->cuts.first(part); i != end; ++i) {
        const bool good = shared_->failure.settle(
            part,
            [&]() -> decltype(auto) {
              return std::invoke(shared_->body.all_.f, std::move(sum),
                                 element_at<element>(shared_->first, i));
            },
            [&](auto&& got) { sum = std::forward<decltype(got)>(got); });
        if (!good) return;
      }
      total_ = std::move(sum);
    }

    const state* shared_;
    std::size_t first_ = 0;
    std::optional<total> total_;
  };

  over<Range, Fold> all_;
  Identity identity_;
  Reduce reduce_;
};

}  // namespace millrace::detail
