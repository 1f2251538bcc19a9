#pragma once

#include <chrono>
#include <stop_token>

#include "millrace/detail/deadline_timer.hpp"
#include "millrace/detail/job.hpp"

namespace millrace::detail {

// How a job that runs is told to stop; nothing for callables that can't be told.
template <bool Stoppable>
class job_stop {
 public:
  // Throws std::bad_alloc. Without it the token is never requested.
  void enable() { source_ = std::stop_source(); }
  [[nodiscard]] const std::stop_source& source() const noexcept { return source_; }
  [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  std::stop_source source_{std::nostopstate};
};
template <>
class job_stop<false> {
 public:
  void enable() noexcept {}
  [[nodiscard]] std::stop_source source() const noexcept {
    return std::stop_source(std::nostopstate);
  }
  [[nodiscard]] std::stop_token token() const noexcept { return {}; }
};

// A job's deadline; Timed is false for the jobs of calls without JobOptions, which have none.
//
// Core: `remove(job&)` takes a job that hasn't begun out of its queue, `timer()` is the pool's.
template <class Core, class Stop, bool Timed>
class job_deadline;

template <class Core, class Stop>
class job_deadline<Core, Stop, false> {
 public:
  job_deadline(Core&, job&, const Stop&, std::chrono::steady_clock::time_point) noexcept {}
  [[nodiscard]] static constexpr bool is_set() noexcept { return false; }
  [[nodiscard]] static constexpr bool passed() noexcept { return false; }
  void arm() noexcept {}
  void disarm() noexcept {}
};

template <class Core, class Stop>
class job_deadline<Core, Stop, true> final : private deadline_timer::entry {
 public:
  using time_point = deadline_timer::time_point;

  job_deadline(Core& core, job& its, const Stop& stop, time_point when) noexcept
      : entry(when), core_(core), job_(its), stop_(stop) {}
  ~job_deadline() { disarm(); }

  [[nodiscard]] bool is_set() const noexcept { return when() != deadline_timer::never; }
  [[nodiscard]] bool passed() const noexcept {
    return is_set() && std::chrono::steady_clock::now() >= when();
  }

  // Throws if there is no memory or no thread left.
  void arm() {
    if (!is_set()) return;
    job_.watched = true;
    core_.timer().add(*this);
    armed_ = true;
  }

  // Before the job leaves its pool; it is taken.
  void disarm() noexcept {
    if (!armed_) return;
    armed_ = false;
    core_.timer().remove(*this);
  }

 private:
  void deadline_came(deadline_timer& timer) noexcept override {
    job& its = job_;
    if (core_.find_and_remove(its)) {
      timer.let_go();
      core_.give_up(its, job::end::expired);
    } else {
      const std::stop_source running(stop_.source());
      timer.let_go();
      running.request_stop();
    }
  }

  Core& core_;
  job& job_;
  const Stop& stop_;
  bool armed_ = false;
};

}  // namespace millrace::detail
