#pragma once

#include <cstddef>
#include <utility>

#include "millrace/detail/job.hpp"

namespace millrace::detail {

// Jobs of one pool that the calling thread gives up. Each has left the pool before anybody's
// callable or handler is touched, so their destructors may do anything: cancel another job of the
// same batch, shut the pool down, or be its last owner.
//
// Jobs whose handlers come back through the pool itself need it until they have been handed over,
// and keep their shares. A pool that goes meanwhile, on this very thread, takes those back: it
// can't wait for them, and their handlers go with it. tests/model/batch.pml has the protocol.
class giving_up {
 public:
  // Gives up all of `batch`, none of which anybody else can take any more. `pool` is to compare.
  static void all(const void* pool, job_batch batch, job::end why) noexcept {
    giving_up mine(pool);
    for (job* one = batch.first; one != nullptr; one = one->following()) {
      one->taken.store(true, std::memory_order_release);
    }
    job_batch without_share;
    job_batch with_share;
    while (!batch.empty()) {
      job& one = batch.pop();
      const std::size_t before = mine.shares_;
      one.ended_by = why;
      one.perform(job::step::release);
      (mine.shares_ == before ? without_share : with_share).append(one);
    }
    // First those that wait for nothing more: a context that a later one owns would wait for them.
    while (!without_share.empty()) without_share.pop().perform(job::step::settle);
    while (!with_share.empty()) with_share.pop().perform(job::step::settle);
  }
  static void one(const void* pool, job& which, job::end why) noexcept {
    all(pool, job_batch::of(which), why);
  }

  giving_up(const giving_up&) = delete;
  giving_up& operator=(const giving_up&) = delete;

  // For the steps of a job: the innermost of this thread.
  [[nodiscard]] static giving_up& current() noexcept { return *top(); }

  // A job keeps its share beyond its release.
  void keep_share() noexcept { ++shares_; }
  // False: the pool has taken it back.
  [[nodiscard]] bool give_share_back() noexcept {
    if (pool_gone_) return false;
    --shares_;
    return true;
  }
  [[nodiscard]] bool pool_gone() const noexcept { return pool_gone_; }

  // The pool goes, on this thread. How many shares it has to give back itself.
  [[nodiscard]] static std::size_t take_shares_back(const void* pool) noexcept {
    std::size_t shares = 0;
    for (giving_up* each = top(); each != nullptr; each = each->outer_) {
      if (each->pool_ != pool) continue;
      each->pool_gone_ = true;
      shares += std::exchange(each->shares_, 0);
    }
    return shares;
  }

 private:
  explicit giving_up(const void* pool) noexcept : pool_(pool), outer_(std::exchange(top(), this)) {}
  ~giving_up() { top() = outer_; }

  [[gnu::visibility("default")]] [[nodiscard]] static giving_up*& top() noexcept {
    static constinit thread_local giving_up* innermost = nullptr;
    return innermost;
  }

  const void* const pool_;
  giving_up* const outer_;
  std::size_t shares_ = 0;
  bool pool_gone_ = false;
};

}  // namespace millrace::detail
