#pragma once

#include <millrace/adaptive_policy.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <vector>

// Coroutines on one loop that await a trace of jobs, with a pool beside; no thread, no clock.
namespace test {

using millrace::Measure;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct World {
  int workers = 2;
  std::size_t coroutines = 64;
  nanoseconds hop{500};          // of the loop's time, for each job that is offloaded
  nanoseconds wake{8'000};       // until a worker that slept begins
  nanoseconds wake_loop{5'000};  // until a loop that slept goes on
  int io_threads = 1;
};

struct TraceJob {
  nanoseconds run;
  std::size_t kind = 0;
};
using Trace = std::vector<TraceJob>;

struct Simulated {
  nanoseconds time{};
  std::size_t here = 0;
  std::vector<bool> places;          // of each job of the trace: on the loop?
  std::vector<nanoseconds> inlined;  // how long those were

  [[nodiscard]] double share_here(std::size_t from, std::size_t to) const {
    const auto at = [&](std::size_t i) { return places.begin() + static_cast<std::ptrdiff_t>(i); };
    return static_cast<double>(std::count(at(from), at(to), true)) / static_cast<double>(to - from);
  }
  [[nodiscard]] auto longer_than(nanoseconds limit) const {
    return std::count_if(inlined.begin(), inlined.end(), [=](auto run) { return run > limit; });
  }
};

struct AlwaysHere {
  millrace::AdaptiveDecision decide(const millrace::AdaptiveSituation&) noexcept {
    return {millrace::Place::here, Measure::no, {}};
  }
  void record(const millrace::AdaptiveRun&) noexcept {}
};
struct AlwaysPool {
  millrace::AdaptiveDecision decide(const millrace::AdaptiveSituation&) noexcept {
    return {millrace::Place::pool, Measure::no, {}};
  }
  void record(const millrace::AdaptiveRun&) noexcept {}
};

template <millrace::AdaptivePolicy Policy>
Simulated simulate(const World& world, const Trace& trace) {
  struct Returned {
    nanoseconds end;
    std::size_t coroutine;
    bool operator>(const Returned& other) const { return end > other.end; }
  };
  struct Coroutine {
    TraceJob job{};
    bool on_pool = false;
    bool measured = false;
    nanoseconds since{};
    int out_first = 0;
  };
  std::array<Policy, 2> policies;
  std::array<int, 2> out{};
  Simulated seen;
  std::vector<Coroutine> all(world.coroutines);
  std::deque<std::size_t> ready;
  for (std::size_t i = 0; i < world.coroutines; ++i) ready.push_back(i);
  std::priority_queue<Returned, std::vector<Returned>, std::greater<>> returned;
  std::vector<nanoseconds> free_at(static_cast<std::size_t>(world.workers));
  nanoseconds now{};
  nanoseconds last_seen{};
  std::size_t next = 0;
  for (;;) {
    if (ready.empty()) {
      if (returned.empty()) break;
      now = std::max(now, returned.top().end + world.wake_loop);
    }
    while (!returned.empty() && returned.top().end <= now) {
      ready.push_back(returned.top().coroutine);
      returned.pop();
    }
    const std::size_t number = ready.front();
    ready.pop_front();
    Coroutine& one = all[number];
    if (one.on_pool) {
      now += world.hop / 2;
      one.on_pool = false;
      const int out_last = out[one.job.kind]--;
      if (one.measured) {
        policies[one.job.kind].record({millrace::Place::pool, one.job.run, now - one.since,
                                       static_cast<float>(one.out_first + out_last) / 2});
      }
    }
    if (next == trace.size()) continue;
    one.job = trace[next++];
    Policy& policy = policies[one.job.kind];
    const auto decision = policy.decide({world.io_threads, false});
    const bool here = decision.place == millrace::Place::here ||
                      (decision.place == millrace::Place::here_with_permit && world.io_threads > 1);
    seen.places.push_back(here);
    if (here) {
      ++seen.here;
      seen.inlined.push_back(one.job.run);
      const bool in_doubt = now - last_seen > 20us;
      last_seen = now;
      now += one.job.run;
      if (decision.measure == Measure::yes || (decision.measure == Measure::in_doubt && in_doubt)) {
        policy.record({decision.place, one.job.run, {}, 1});
        last_seen = now;
      }
      ready.push_back(number);
    } else {
      one.on_pool = true;
      one.measured = decision.measure == Measure::yes;
      one.since = now;
      one.out_first = ++out[one.job.kind];
      now += world.hop / 2;
      nanoseconds& worker = *std::min_element(free_at.begin(), free_at.end());
      worker = (worker < now ? now + world.wake : worker) + one.job.run;
      returned.push({worker, number});
    }
  }
  seen.time = now;
  return seen;
}

// Spread of one function's run times, in percent of the usual one, as recorded.
inline constexpr std::array<int, 32> recorded{100, 98,  101, 99,  103, 100, 97,  100, 112, 100, 99,
                                              101, 100, 98,  105, 100, 100, 131, 99,  98,  100, 102,
                                              100, 96,  100, 108, 100, 99,  100, 97,  100, 119};

inline void add_jobs(Trace& to, std::size_t count, nanoseconds usual, std::size_t kind = 0) {
  for (std::size_t i = 0; i < count; ++i) {
    to.push_back({usual * recorded[to.size() % recorded.size()] / 100, kind});
  }
}

inline Trace jobs(std::size_t count, nanoseconds usual) {
  Trace all;
  add_jobs(all, count, usual);
  return all;
}

}  // namespace test
