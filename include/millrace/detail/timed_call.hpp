#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <utility>

#include "millrace/concepts.hpp"

namespace millrace::detail {

// A callable that reports how long it ran, also where it throws: `report(nanoseconds)`, which must
// not throw. Takes a stop token where `F` does. Its captures are not part of the time.
template <Job F, class Clock, class Report>
class timed_call {
 public:
  timed_call(F&& f, Report report) : f_(std::move(f)), report_(std::move(report)) {}

  decltype(auto) operator()() &&
      requires(!StoppableJob<F>) {
        const stopwatch running(report_);
        return std::invoke(std::move(f_));
      } decltype(auto) operator()(const std::stop_token& stop) &&
        requires StoppableJob<F>
  {
    const stopwatch running(report_);
    return call_stoppable(stop, std::move(f_));
  }

 private:
  class stopwatch {
   public:
    explicit stopwatch(Report& report) noexcept : report_(report) {}
    stopwatch(const stopwatch&) = delete;
    stopwatch& operator=(const stopwatch&) = delete;
    ~stopwatch() {
      report_(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - since_));
    }

   private:
    Report& report_;
    const typename Clock::time_point since_ = Clock::now();
  };

  F f_;
  Report report_;
};

}  // namespace millrace::detail
