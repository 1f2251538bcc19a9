#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <system_error>

#include "millrace/detail/arena.hpp"
#include "millrace/detail/consumers.hpp"
#include "millrace/detail/crew.hpp"
#include "millrace/detail/fork_place.hpp"

namespace millrace::detail {

class region;

// Threads of a pool that take part in its fork-join regions and run no jobs, so that a worker that
// helps with a long loop is never missing when a job comes.
//
// There are at most as many at work as there are workers without a job. One call brings one; each
// that arrives calls the next while more are wanted. When a job comes the newest is called back: it
// ends what it has stolen, and until then the system shares the cores out.
//
// tests/model/helpers.pml has the protocol.
class helpers {
 public:
  // What lies with one helper.
  struct seat {
    helping_stay stay;
    region* at = nullptr;      // none: it isn't helping, or its region has ended
    bool called_back = false;  // or not helping
  };

  // `workers` of the pool, `jobs` says how many of them have one. `how` are the threads.
  helpers(std::size_t workers, const consumers& jobs) noexcept : workers_(workers), jobs_(jobs) {}

  // What there is where there are several workers: a seat and a thread for each but one.
  void set_up(seat* seats, crew& threads) noexcept {
    seats_ = seats;
    crew_ = &threads;
  }

  // A worker has a job to do, or has none any more. After the change shows in `jobs`.
  void worker_came() noexcept {
    if (regions_.load() != 0) call_back_surplus();
  }
  void worker_left() noexcept {
    if (regions_.load() != 0) call_if_wanted();
  }

  // On the helper: helps as long as it is wanted.
  void help(std::size_t index) noexcept;

 private:
  friend class region;

  void call_if_wanted() noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (called_ >= places_left_ || called_ + helping_ >= most_now()) return;
      ++called_;
    }
    try {
      crew_->call();
    } catch (const std::system_error&) {  // then with fewer
      const std::lock_guard lock(mutex_);
      --called_;
    }
  }

  void call_back_surplus() noexcept {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = workers_ - 1; i-- > 0 && called_ + staying_ > most_now();) {
      call_back(seats_[i]);
    }
  }

  // Under the lock.
  void call_back(seat& one) noexcept {
    if (one.at == nullptr || one.called_back) return;
    one.called_back = true;
    --staying_;
    one.stay.call_back();
  }

  [[nodiscard]] std::size_t most_now() const noexcept {
    const std::size_t with_a_job = jobs_.how_many_inside();
    return with_a_job < workers_ ? workers_ - with_a_job : 0;
  }

  const std::size_t workers_;
  const consumers& jobs_;
  // seq_cst, as the count of workers with a job: a region that begins and a worker that leaves, one
  // of the two sees the other.
  std::atomic<std::size_t> regions_{0};
  std::mutex mutex_;
  region* newest_ = nullptr;
  std::size_t places_left_ = 0;  // for helpers, in all regions
  std::size_t called_ = 0;       // helpers that haven't arrived
  std::size_t helping_ = 0;      // that haven't left
  std::size_t staying_ = 0;      // of these, those that weren't called back
  seat* seats_ = nullptr;
  crew* crew_ = nullptr;
};

// A part of a job that forks, for as long as it lasts.
class region {
 public:
  // Wants up to `wanted` helpers from the start.
  explicit region(std::size_t wanted = 0) noexcept : place_(fork_place_of_this_thread()) {
    if (wanted > place_.most_helpers) wanted = place_.most_helpers;
    if (wanted != 0) want(wanted);
  }
  ~region() {
    if (wanted_.load(std::memory_order_relaxed) != 0) end();
  }
  region(const region&) = delete;
  region& operator=(const region&) = delete;

  // One more part for others to take, up to all helpers that there are. Threads that are in the
  // region.
  void forked() noexcept {
    const std::size_t before = wanted_.load(std::memory_order_relaxed);
    if (before < place_.most_helpers) want(before + 1);
  }

 private:
  friend class helpers;

  void want(std::size_t many) noexcept {
    helpers& all = *place_.help;
    {
      const std::lock_guard lock(all.mutex_);
      const std::size_t before = wanted_.load(std::memory_order_relaxed);
      if (many <= before) return;
      if (before == 0) begin(all);
      wanted_.store(many, std::memory_order_relaxed);
      all.places_left_ += many - before;
    }
    all.call_if_wanted();
  }

  // Both under the lock.
  void begin(helpers& all) noexcept {
    older_ = all.newest_;
    if (older_ != nullptr) older_->newer_ = this;
    all.newest_ = this;
    all.regions_.fetch_add(1);
  }
  void unlink(helpers& all) noexcept {
    if (older_ != nullptr) older_->newer_ = newer_;
    (newer_ != nullptr ? newer_->older_ : all.newest_) = older_;
    all.regions_.fetch_sub(1);
  }

  // Nobody waits for the helpers to leave: what they stay in is the worker's, not the region's.
  void end() noexcept {
    helpers& all = *place_.help;
    const std::lock_guard lock(all.mutex_);
    unlink(all);
    all.places_left_ -= wanted_.load(std::memory_order_relaxed) - helping_;
    for (std::size_t i = 0; helping_ != 0 && i + 1 < all.workers_; ++i) {
      helpers::seat& one = all.seats_[i];
      if (one.at != this) continue;
      all.call_back(one);
      one.at = nullptr;
      --helping_;
    }
  }

  [[nodiscard]] bool wants_more() const noexcept {
    return helping_ < wanted_.load(std::memory_order_relaxed);
  }

  const fork_place place_;
  std::atomic<std::size_t> wanted_{0};  // written under the lock
  std::size_t helping_ = 0;
  region* older_ = nullptr;
  region* newer_ = nullptr;
};

inline void helpers::help(std::size_t index) noexcept {
  seat& mine = seats_[index];
  fork_place& here = fork_place_of_this_thread();
  {
    const std::lock_guard lock(mutex_);
    --called_;
  }
  for (;;) {
    try {
      mine.stay.begin();
    } catch (...) {  // no memory: then without this one
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      region* one = newest_;
      while (one != nullptr && !one->wants_more()) one = one->older_;
      if (one == nullptr || called_ + helping_ >= most_now()) {
        mine.stay.call_back();
        return;
      }
      mine.at = one;
      mine.called_back = false;
      here.arena = one->place_.arena;
      ++one->helping_;
      --places_left_;
      ++helping_;
      ++staying_;
    }
    call_if_wanted();
    bool entered = true;
    try {
      mine.stay.help_in(*here.arena);
    } catch (...) {  // no memory to enter with
      entered = false;
    }
    const std::lock_guard lock(mutex_);
    if (!entered) call_back(mine);
    --helping_;
    if (mine.at == nullptr) continue;
    --mine.at->helping_;
    ++places_left_;
    mine.at = nullptr;
    if (!entered) return;
  }
}

}  // namespace millrace::detail
