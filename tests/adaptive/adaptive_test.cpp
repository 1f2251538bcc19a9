#include "millrace/adaptive.hpp"

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/busy_pool.hpp"
#include "support/catch.hpp"
#include "support/job_types.hpp"
#include "support/manual_clock.hpp"
#include "support/outcome.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;
using millrace::AdaptiveLearner;
using millrace::AdaptiveState;
using millrace::ComputePool;
using millrace::errc;
using millrace::execute_adaptive;
using millrace::Place;
using test::ManualClock;

namespace {

using State = AdaptiveState<AdaptiveLearner, ManualClock>;

// As if jobs of this length had been seen, for which the pool is a long way.
void teach(AdaptiveLearner& policy, std::chrono::nanoseconds run) {
  for (int i = 0; i < 64; ++i) policy.record({Place::pool, run, 10 * run + 1ms, 1});
}

// How many of `count` jobs that take `length` run on the awaiting thread.
asio::awaitable<int> count_here(ComputePool<>& pool, State& state, int count,
                                std::chrono::nanoseconds length) {
  int here = 0;
  const auto own = std::this_thread::get_id();
  auto job = [length] {
    ManualClock::advance(length);
    return std::this_thread::get_id();
  };
  for (int i = 0; i < count; ++i) {
    const auto ran_on = co_await execute_adaptive(pool, state, job);
    here += ran_on == own ? 1 : 0;
  }
  co_return here;
}

int here_of(ComputePool<>& pool, State& state, int count, std::chrono::nanoseconds length) {
  int here = -1;
  test::run([](auto& p, auto& s, int n, auto l, int& h) -> asio::awaitable<void> {
    h = co_await count_here(p, s, n, l);
  }(pool, state, count, length, here));
  return here;
}

// Always the same place.
template <Place place>
struct Fixed {
  std::atomic<int> runs{0};
  std::atomic<int> here{0};

  millrace::AdaptiveDecision decide(const millrace::AdaptiveSituation&) noexcept {
    return {place, millrace::Measure::yes, {}};
  }
  void record(const millrace::AdaptiveRun& run) noexcept {
    ++runs;
    if (run.place != Place::pool) ++here;
  }
};

}  // namespace

TEST_CASE("short jobs come to the awaiting thread and long ones stay away [P46]") {
  ComputePool pool{{.threads = 1}};
  State brief;
  CHECK(here_of(pool, brief, 100, 0ns) == 92);
  State lengthy;
  millrace::set_io_threads(pool, 8);
  CHECK(here_of(pool, lengthy, 100, 1ms) == 0);
  CHECK(pool.metrics().completed == 108);
  CHECK(brief.out == 0);
  CHECK(lengthy.out == 0);
}

TEST_CASE("a kind that becomes long leaves the thread after one surprise [P46]") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  State state;
  teach(state.policy, 100us);
  CHECK(here_of(pool, state, 10, 100us) == 10);
  CHECK(here_of(pool, state, 100, 1ms) == 1);
}

TEST_CASE("jobs that are not brief need a permit [P46]") {
  ComputePool pool{{.threads = 1}};
  State state;
  teach(state.policy, 100us);
  CHECK(here_of(pool, state, 5, 100us) == 0);
  millrace::set_io_threads(pool, 2);
  CHECK(here_of(pool, state, 5, 100us) == 5);
  auto& permits = millrace::inline_permits(pool);
  CHECK(permits.used() == 0);
  {
    const auto taken = permits.try_acquire();
    CHECK(here_of(pool, state, 5, 100us) == 0);
  }
  CHECK(here_of(pool, state, 5, 100us) == 5);
}

namespace {

struct Doubtful {
  std::atomic<int> runs{0};

  millrace::AdaptiveDecision decide(const millrace::AdaptiveSituation&) noexcept {
    return {Place::here, millrace::Measure::in_doubt, 1us};
  }
  void record(const millrace::AdaptiveRun&) noexcept { ++runs; }
};

}  // namespace

TEST_CASE("a job is measured when the one before it may have been long [P46]") {
  ComputePool pool{{.threads = 1}};
  AdaptiveState<Doubtful, ManualClock> state;
  std::vector<int> recorded;
  test::run([](auto& p, auto& s, auto& r) -> asio::awaitable<void> {
    ManualClock::advance(1s);
    for (const auto length : {0ns, 0ns, 20'000ns, 0ns, 21'000ns, 30'000ns, 0ns, 0ns}) {
      auto job = [length] { ManualClock::advance(length); };
      co_await execute_adaptive(p, s, job);
      r.push_back(s.policy.runs);
    }
    ManualClock::advance(21us);
    auto job = [] {};
    co_await execute_adaptive(p, s, job);
    r.push_back(s.policy.runs);
  }(pool, state, recorded));
  CHECK(recorded == std::vector<int>{1, 1, 1, 1, 1, 2, 2, 2, 3});
}

TEST_CASE("a permit is held while the job runs and given back when it throws [P46]") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  AdaptiveState<Fixed<Place::here_with_permit>> state;
  int used = 0;
  bool caught = false;
  test::run([](auto& p, auto& s, int& u, bool& c) -> asio::awaitable<void> {
    auto job = [&] {
      u = millrace::inline_permits(p).used();
      throw std::domain_error("no");
    };
    try {
      co_await execute_adaptive(p, s, job);
    } catch (const std::domain_error&) {
      c = true;
    }
  }(pool, state, used, caught));
  CHECK(caught);
  CHECK(used == 1);
  CHECK(millrace::inline_permits(pool).used() == 0);
  CHECK(state.policy.here == 1);
}

TEST_CASE("a coroutine of inline jobs leaves the loop its turns") {
  ComputePool pool{{.threads = 1}};
  State state;
  teach(state.policy, 5us);
  int jobs = 0;
  test::run([](auto& p, auto& s, int& n) -> asio::awaitable<void> {
    bool turn = false;
    asio::post(co_await asio::this_coro::executor, [&turn] { turn = true; });
    while (!turn && n < 1'000) {
      n += co_await count_here(p, s, 1, 5us);
    }
  }(pool, state, jobs));
  CHECK(jobs > 0);
  CHECK(jobs <= 4);
}

TEST_CASE("a loop that is late gets no jobs from its only thread [P46]") {
  ComputePool pool{{.threads = 1}};
  State state;
  teach(state.policy, 5us);
  int before = 0;
  int after = -1;
  int later = 0;
  test::run([](auto& p, auto& s, int& b, int& a, int& l) -> asio::awaitable<void> {
    b = co_await count_here(p, s, 6, 5us);  // three rounds in time
    // What the loop does instead of going round, while the coroutine stands in line.
    asio::post(co_await asio::this_coro::executor, [] { ManualClock::advance(600us); });
    b += co_await count_here(p, s, 4, 5us);
    a = co_await count_here(p, s, 10, 5us);
    ManualClock::advance(50ms);
    teach(s.policy, 5us);
    l = co_await count_here(p, s, 4, 5us);
  }(pool, state, before, after, later));
  CHECK(before == 8);
  CHECK(after == 0);
  CHECK(later == 4);
}

TEST_CASE("several threads go on with brief jobs when the loop is late [P46]") {
  ComputePool pool{{.threads = 1}};
  millrace::set_io_threads(pool, 2);
  State state;
  teach(state.policy, 10us);
  int here = 0;
  test::run([](auto& p, auto& s, int& h) -> asio::awaitable<void> {
    asio::post(co_await asio::this_coro::executor, [] { ManualClock::advance(600us); });
    h = co_await count_here(p, s, 4, 10us);
  }(pool, state, here));
  CHECK(here == 4);
  ManualClock::advance(50ms);
}

TEST_CASE("coroutines that stand in line have a share of the loop's round together [P46]") {
  using round = millrace::detail::loop_round<ManualClock>;
  ComputePool pool{{.threads = 1}};
  State state;
  teach(state.policy, 10us);
  std::vector<int> here;
  asio::io_context loop;
  for (int i = 0; i < 4; ++i) {
    asio::co_spawn(
        loop,
        [](auto& p, auto& s, auto& all) -> asio::awaitable<void> {
          all.push_back(co_await count_here(p, s, 1, 10us));
        }(pool, state, here),
        asio::detached);
  }
  // All begin in one round of the loop, in which the first two are what it can bear.
  loop.run();
  std::sort(here.begin(), here.end());
  CHECK(here == std::vector{0, 0, 1, 1});

  SECTION("one alone has it anew in each round") {
    CHECK(here_of(pool, state, 20, 10us) == 20);
  }
  SECTION("what is left of a round that nobody waits for doesn't count") {
    round own;
    CHECK_FALSE(own.spend(round::share - 1ns));
    CHECK(own.has_room_for(round::most));
    CHECK(own.spend(1ns));
    const auto place = own.stand_in_line();
    CHECK(own.has_room_for(round::most - round::share));
    CHECK_FALSE(own.has_room_for(round::most - round::share + 1ns));
    own.came_back(place);
    CHECK(own.has_room_for(round::most));
  }
}

TEST_CASE("every kind of result arrives from either place") {
  ComputePool pool{{.threads = 1}};
  const auto all_kinds = [](auto& p, auto& s) -> asio::awaitable<void> {
    int referred = 1;
    auto by_reference = [&referred]() -> int& { return referred; };
    int& back = co_await execute_adaptive(p, s, by_reference);
    back = 2;
    CHECK(referred == 2);
    auto movable = [own = std::make_unique<int>(3)]() mutable { return std::move(own); };
    const std::unique_ptr<int> own = co_await execute_adaptive(p, s, std::move(movable));
    CHECK(*own == 3);
    auto no_default = [] { return test::NoDefault(4); };
    const test::NoDefault made = co_await execute_adaptive(p, s, no_default);
    CHECK(made.value == 4);
    auto asks = [](std::stop_token) {};
    co_await execute_adaptive(p, s, {.label = "some"}, asks);
  };
  AdaptiveState<Fixed<Place::here>> here;
  AdaptiveState<Fixed<Place::pool>> away;
  test::run(all_kinds(pool, here));
  test::run(all_kinds(pool, away));
  CHECK(here.policy.here == 4);
  CHECK(away.policy.runs == 4);
  CHECK(away.policy.here == 0);
  CHECK(pool.metrics().completed == 4);
}

TEST_CASE("what an adaptive job throws arrives as thrown and is recorded") {
  ComputePool pool{{.threads = 1}};
  int caught = 0;
  const auto fails = [](auto& p, auto& s, int& c) -> asio::awaitable<void> {
    auto job = []() -> int { throw std::domain_error("no"); };
    try {
      co_await execute_adaptive(p, s, job);
    } catch (const std::domain_error&) {
      ++c;
    }
  };
  AdaptiveState<Fixed<Place::here>> here;
  AdaptiveState<Fixed<Place::pool>> away;
  test::run(fails(pool, here, caught));
  test::run(fails(pool, away, caught));
  CHECK(caught == 2);
  CHECK(here.policy.runs == 1);
  CHECK(away.policy.runs == 1);
  CHECK(away.out == 0);
}

TEST_CASE("a job whose deadline has passed never runs here") {
  ComputePool pool{{.threads = 1}};
  AdaptiveState<Fixed<Place::here>> state;
  bool ran = false;
  std::error_code code;
  test::run([](auto& p, auto& s, bool& r, auto& c) -> asio::awaitable<void> {
    auto job = [&r] { r = true; };
    try {
      const millrace::JobOptions late{.deadline = std::chrono::steady_clock::now() - 1s};
      co_await execute_adaptive(p, s, late, job);
    } catch (const std::system_error& error) {
      c = error.code();
    }
  }(pool, state, ran, code));
  CHECK_FALSE(ran);
  CHECK(code == errc::deadline_exceeded);
  CHECK(state.policy.runs == 0);
  CHECK(state.out == 0);
}

TEST_CASE("an adaptive job on the pool can be cancelled and is not recorded then") {
  test::BusyPool busy;
  AdaptiveState<Fixed<Place::pool>> state;
  asio::io_context context;
  asio::cancellation_signal signal;
  std::error_code code;
  auto job = [] {};
  asio::co_spawn(context, execute_adaptive(busy.pool, state, job),
                 asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error) {
                   code = test::code_of(error);
                 }));
  context.poll();
  CHECK(state.out == 1);
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK(code == asio::error::operation_aborted);
  CHECK(state.out == 0);
  CHECK(state.policy.runs == 0);
}

TEST_CASE("an adaptive job that goes with its context is not out any more") {
  test::BusyPool busy;
  AdaptiveState<Fixed<Place::pool>> state;
  {
    asio::io_context context;
    auto job = [] {};
    asio::co_spawn(context, execute_adaptive(busy.pool, state, job), asio::detached);
    context.poll();
    CHECK(state.out == 1);
  }
  CHECK(state.out == 0);
  CHECK(state.policy.runs == 0);
}

TEST_CASE("captures of an adaptive job end before it completes") {
  ComputePool pool{{.threads = 1}};
  const auto check = [](auto& p, auto& s) -> asio::awaitable<void> {
    auto owned = std::make_shared<int>(1);
    auto job = [owned] {};
    auto going = execute_adaptive(p, s, job);
    CHECK(owned.use_count() == 3);
    co_await std::move(going);
    CHECK(owned.use_count() == 2);
  };
  AdaptiveState<Fixed<Place::here>> here;
  AdaptiveState<Fixed<Place::pool>> away;
  test::run(check(pool, here));
  test::run(check(pool, away));
}

// --- Kinds ---

namespace {

template <int number>
struct Job {
  void operator()() const {}
};

template <class Policy, class F>
auto& policy_of() {
  return millrace::detail::state_of_type<AdaptiveState<Policy>, F>.policy;
}

}  // namespace

TEST_CASE("what is learned is learned by callable type or by label") {
  using Policy = Fixed<Place::here>;
  ComputePool pool{{.threads = 1}};
  test::run([](auto& p) -> asio::awaitable<void> {
    const Job<1> one;
    const Job<2> two;
    co_await execute_adaptive<Policy>(p, one);
    co_await execute_adaptive<Policy>(p, one);
    co_await execute_adaptive<Policy>(p, two);
    co_await execute_adaptive<Policy>(p, {.label = "label"}, one);
    co_await execute_adaptive<Policy>(p, {.label = "label"}, two);
    co_await execute_adaptive<Policy>(p, millrace::JobOptions(), two);
  }(pool));
  CHECK(policy_of<Policy, Job<1>>().runs == 2);
  CHECK(policy_of<Policy, Job<2>>().runs == 2);
  auto& labels = millrace::detail::label_states<AdaptiveState<Policy>>;
  CHECK(labels.of("label")->policy.runs == 2);
  CHECK(labels.of("label") == labels.of("label"));
  CHECK(labels.of("other") != labels.of("label"));
}

TEST_CASE("labels without room count by their callable type") {
  millrace::detail::states_of_labels<AdaptiveState<>> few;
  std::vector<void*> seen;
  for (std::size_t i = 0; i < few.most; ++i) {
    seen.push_back(few.of(std::to_string(i)));
    CHECK(seen.back() != nullptr);
  }
  CHECK(few.of("one more") == nullptr);
  for (std::size_t i = 0; i < few.most; ++i) CHECK(few.of(std::to_string(i)) == seen[i]);
}

TEST_CASE("the default learns with the steady clock") {
  ComputePool pool{{.threads = 1}};
  int runs = 0;
  test::run([](auto& p, int& n) -> asio::awaitable<void> {
    auto job = [&n] { ++n; };
    for (int i = 0; i < 500; ++i) co_await execute_adaptive(p, job);
  }(pool, runs));
  CHECK(runs == 500);
}

TEST_CASE("many threads await one kind and each job runs once [P46]") {
  constexpr int threads = 3;
  ComputePool pool{{.threads = 2}};
  millrace::set_io_threads(pool, threads);
  AdaptiveState<> state;
  asio::io_context context;
  std::atomic<int> runs{0};
  std::atomic<int> ended{0};
  for (int i = 0; i < 16; ++i) {
    asio::co_spawn(
        context,
        [](auto& p, auto& s, auto& n) -> asio::awaitable<void> {
          auto job = [&n] { ++n; };
          for (int k = 0; k < 200; ++k) co_await execute_adaptive(p, s, job);
        }(pool, state, runs),
        [&](std::exception_ptr error) {
          if (!error) ++ended;
        });
  }
  {
    std::vector<std::jthread> loops;
    for (int i = 0; i < threads; ++i) loops.emplace_back([&] { context.run(); });
  }
  CHECK(ended == 16);
  CHECK(runs == 16 * 200);
  CHECK(state.out == 0);
  CHECK(millrace::inline_permits(pool).used() == 0);
}
