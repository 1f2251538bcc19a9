// Many producers, many contexts, two pools, and jobs of every kind with every end there is: each
// operation completes once, in a way that fits what was asked for, and the metrics agree.
#include <oneapi/tbb/parallel_for.h>

#include <array>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "stress/settings.hpp"
#include "support/asio_compat.hpp"
#include "support/catch.hpp"

using millrace::ComputePool;
using std::chrono::steady_clock;

namespace {

// --- What a job is asked to do: all of it follows from the seed and the job's number ---

enum class Call : std::uint8_t { execute, install, join, scoped, scoped_fifo, sync };
enum class Token : std::uint8_t { callback, deferred, coroutine };
enum class Home : std::uint8_t { loop, two_loops, threads, erased, none };
enum class Throws : std::uint8_t { nothing, own_error, number };
enum class Deadline : std::uint8_t { none, passed, soon, far };
enum class Cancel : std::uint8_t { never, before_start, at_once, later, after_end };

struct Plan {
  Call call = Call::execute;
  Token token = Token::callback;
  Home home = Home::loop;
  Throws throws = Throws::nothing;
  Deadline deadline = Deadline::none;
  Cancel cancel = Cancel::never;
  asio::cancellation_type kind = asio::cancellation_type::terminal;
  std::uint32_t emits = 1;        // in a row
  std::uint32_t posts_first = 0;  // turns of the executor before a later cancel
  millrace::Priority priority = millrace::Priority::normal;
  bool options = false;
  bool stoppable = false;
  bool bounded = false;      // which pool
  bool goes_on = false;      // its handler starts the next job
  bool on_home = false;      // started on its handler's executor
  std::uint32_t length = 0;  // of the job, in pauses
  std::uint32_t ahead = 0;   // of a deadline soon, in nanoseconds
};

Plan plan_of(std::uint64_t seed, std::uint64_t number) {
  stress::Random random(seed ^ (number * 0xd1342543de82ef95u));
  Plan plan;
  const std::uint32_t call = random.below(100);
  if (call >= 90) {
    constexpr Call others[] = {Call::install, Call::join, Call::scoped, Call::scoped_fifo,
                               Call::sync};
    plan.call = others[random.below(5)];
  }
  plan.home = static_cast<Home>(random.below(5));
  const std::uint32_t token = random.below(10);
  if (plan.call == Call::execute && token < 3) {
    plan.token = token == 0 ? Token::deferred : Token::coroutine;
  }
  if (plan.token == Token::coroutine) plan.home = Home::erased;
  if (plan.token == Token::deferred) plan.home = Home::loop;
  if (plan.call != Call::execute && plan.home != Home::none) plan.home = Home::erased;
  if (random.percent(12)) {
    plan.throws = random.percent(50) ? Throws::own_error : Throws::number;
  }
  if (random.percent(30)) {
    plan.options = true;
    plan.priority = static_cast<millrace::Priority>(random.below(3));
    plan.deadline = static_cast<Deadline>(random.below(4));
    plan.ahead = random.below(20'000);
  }
  plan.stoppable = random.percent(40);
  plan.on_home = random.percent(50);
  if (plan.home != Home::none && plan.call != Call::sync && random.percent(30)) {
    constexpr asio::cancellation_type kinds[] = {
        asio::cancellation_type::terminal, asio::cancellation_type::partial,
        asio::cancellation_type::total, asio::cancellation_type::all};
    plan.cancel = static_cast<Cancel>(1 + random.below(4));
    plan.kind = kinds[random.below(4)];
    plan.emits = 1 + random.below(3);
    plan.posts_first = random.below(4);
    plan.on_home = true;  // where the signal may be touched
  }
  plan.bounded = random.percent(50);
  plan.goes_on = random.percent(60);
  plan.length = random.percent(2) ? random.below(2000) : random.below(60);
  return plan;
}

// What became of an operation.
enum Outcome : std::uint8_t { value, thrown, aborted, expired, full, odd, outcomes };

struct OwnError {
  std::uint64_t number;
};

// --- Accounts ---

class Accounts {
 public:
  explicit Accounts(std::uint64_t jobs)
      : jobs_(jobs), ran_(new Count[jobs]()), completed_(new Count[jobs]()) {}

  void runs(std::uint64_t number) { ran_[number].fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] unsigned times_run(std::uint64_t number) const {
    return ran_[number].load(std::memory_order_relaxed);
  }
  void complete(std::uint64_t number, bool bounded, Outcome outcome) {
    completed_[number].fetch_add(1, std::memory_order_relaxed);
    outcomes_[bounded][outcome].fetch_add(1, std::memory_order_relaxed);
  }
  // A handler without executor, which had to be sent to the pool's own.
  void posted(bool bounded) { posted_[bounded].fetch_add(1, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t count(bool bounded, Outcome outcome) const {
    return outcomes_[bounded][outcome].load();
  }
  [[nodiscard]] std::uint64_t posted_count(bool bounded) const { return posted_[bounded].load(); }

  // Jobs that completed never, and more than once.
  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t n = 0;
    for (std::uint64_t i = 0; i < jobs_; ++i) n += completed_[i] == 0;
    return n;
  }
  [[nodiscard]] std::uint64_t twice() const {
    std::uint64_t n = 0;
    for (std::uint64_t i = 0; i < jobs_; ++i) n += completed_[i] > 1 || ran_[i] > 1;
    return n;
  }
  [[nodiscard]] bool has_completed(std::uint64_t number) const { return completed_[number] != 0; }

 private:
  using Count = std::atomic<std::uint8_t>;

  std::uint64_t jobs_;
  std::unique_ptr<Count[]> ran_;
  std::unique_ptr<Count[]> completed_;
  std::array<std::array<std::atomic<std::uint64_t>, outcomes>, 2> outcomes_{};
  std::array<std::atomic<std::uint64_t>, 2> posted_{};
};

// How many jobs a producer may have in flight.
class Permits {
 public:
  static constexpr int all = 256;

  void take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return free_ != 0; });
    --free_;
  }
  void give_back() {
    const std::lock_guard lock(mutex_);
    ++free_;
    changed_.notify_one();
  }
  // False: nothing came back for a minute.
  [[nodiscard]] bool take_all() {
    std::unique_lock lock(mutex_);
    for (int seen = free_; free_ != all; seen = free_) {
      if (!changed_.wait_for(lock, std::chrono::minutes(1),
                             [&] { return free_ == all || free_ != seen; })) {
        return false;
      }
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int free_ = all;
};

// --- The machine ---

class Machine {
 public:
  Machine(std::uint64_t seed, std::uint64_t first, std::uint64_t end, std::uint64_t jobs,
          Accounts& accounts, millrace::Overflow overflow)
      : seed_(seed),
        next_(first),
        end_(end),
        jobs_(jobs),
        accounts_(accounts),
        pools_{ComputePool<>{{.threads = 2}},
               ComputePool<>{{.threads = 1, .max_pending = 64, .overflow = overflow}}} {}

  void run() {
    auto loop_works = asio::make_work_guard(loop_);
    auto loops_work = asio::make_work_guard(two_loops_);
    std::vector<std::thread> loops;
    loops.emplace_back([this] { loop_.run(); });
    for (int i = 0; i < 2; ++i) loops.emplace_back([this] { two_loops_.run(); });

    std::vector<std::thread> producers;
    for (Permits& permits : permits_) {
      producers.emplace_back([this, &permits] { produce(permits); });
    }
    for (auto& each : producers) each.join();
    drain(pools_[0]);
    drain(pools_[1]);
    loop_works.reset();
    loops_work.reset();
    for (auto& each : loops) each.join();
    threads_.join();
  }

  [[nodiscard]] ComputePool<>& pool(bool bounded) { return pools_[bounded]; }

 private:
  // A job on its way.
  struct Way {
    std::uint64_t number;
    Plan plan;
    Permits* permits;
    bool inline_on_worker = false;
    std::shared_ptr<asio::cancellation_signal> signal = nullptr;
  };

  template <bool Stoppable>
  struct Work {
    Machine* machine;
    std::uint64_t number;
    Plan plan;

    std::uint64_t operator()() const
      requires(!Stoppable)
    {
      machine->accounts_.runs(number);
      stress::pause(plan.length);
      return end();
    }
    std::uint64_t operator()(const std::stop_token& stop) const
      requires Stoppable
    {
      machine->accounts_.runs(number);
      for (std::uint32_t i = 0; i < plan.length && !stop.stop_requested(); ++i) stress::pause(1);
      if (stop.stop_requested() && plan.cancel == Cancel::never &&
          (plan.deadline == Deadline::none || plan.deadline == Deadline::far)) {
        machine->complain(number, "was told to stop by nobody");
      }
      return end();
    }
    std::uint64_t end() const {
      if (plan.throws == Throws::own_error) throw OwnError{number};
      if (plan.throws == Throws::number) throw number;
      return number;
    }
  };

  // The same after a loop that helpers take part in.
  template <bool Stoppable>
  struct RegionWork {
    Work<Stoppable> work;

    std::uint64_t operator()() const
      requires(!Stoppable)
    {
      loop();
      return work();
    }
    std::uint64_t operator()(const std::stop_token& stop) const
      requires Stoppable
    {
      loop();
      return work(stop);
    }
    void loop() const {
      const int pieces = 1 + int(work.number % 64);
      std::atomic<int> done = 0;
      oneapi::tbb::parallel_for(0, pieces, [&](int) {
        stress::pause(work.plan.length / 8);
        done.fetch_add(1, std::memory_order_relaxed);
      });
      if (done != pieces) work.machine->complain(work.number, "lost a piece of its loop");
    }
  };

  // The same as a body of a scope: the work is a grandchild.
  template <bool Stoppable>
  struct ScopedWork {
    Work<Stoppable> work;
    std::uint64_t operator()(millrace::Scope& scope) const {
      std::atomic<std::uint64_t> result = 0;
      for (int i = 0; i < 3; ++i) {
        scope.spawn([&, i](millrace::Scope& inner) {
          inner.spawn([&, i] {
            if (i == 1) result = run();
          });
        });
      }
      scope.wait();
      return result;
    }
    std::uint64_t run() const {
      if constexpr (Stoppable) {
        return work(std::stop_token());
      } else {
        return work();
      }
    }
  };

  struct Handler {
    Machine* machine;
    Way way;

    void operator()(const std::exception_ptr& error, std::uint64_t result) {
      machine->complete(way, error, result);
    }
    void operator()(const std::exception_ptr& error,
                    const std::tuple<std::uint64_t, std::monostate>& results) {
      machine->complete(way, error, std::get<0>(results));
    }
  };

  void produce(Permits& permits) {
    for (;;) {
      permits.take();
      if (!start_next(permits, true)) {
        permits.give_back();
        break;
      }
    }
    if (permits.take_all()) return;
    std::fprintf(stderr, "stress: no completion for a minute, seed %" PRIu64 "\n", seed_);
    for (std::uint64_t i = 0, shown = 0; i < jobs_ && shown < 20; ++i) {
      if (accounts_.has_completed(i) || i >= next_.load()) continue;
      ++shown;
      const Plan plan = plan_of(seed_, i);
      std::fprintf(stderr,
                   "stress: job %" PRIu64
                   " is lost: ran %u call %d token %d home %d deadline %d "
                   "cancel %d options %d stoppable %d bounded %d\n",
                   i, accounts_.times_run(i), int(plan.call), int(plan.token), int(plan.home),
                   int(plan.deadline), int(plan.cancel), int(plan.options), int(plan.stoppable),
                   int(plan.bounded));
    }
    std::abort();
  }

  // False: there are no more.
  bool start_next(Permits& permits, bool may_block) {
    const std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
    if (number >= end_) return false;
    Way way{number, plan_of(seed_, number), &permits};
    if (way.plan.call == Call::sync && !may_block) way.plan.call = Call::execute;
    if (way.plan.call == Call::sync) {
      start_sync(way);
    } else {
      start(std::move(way));
    }
    return true;
  }

  void start_sync(const Way& way) {
    std::exception_ptr error;
    std::uint64_t result = 0;
    try {
      const auto run = [&](const auto& work) {
        ComputePool<>& pool = pools_[way.plan.bounded];
        return way.plan.options ? pool.execute_sync(options_of(way.plan), work)
                                : pool.execute_sync(work);
      };
      result = way.plan.stoppable ? run(Work<true>{this, way.number, way.plan})
                                  : run(Work<false>{this, way.number, way.plan});
    } catch (...) {
      error = std::current_exception();
    }
    settle(way, error, result);
    way.permits->give_back();
  }

  void start(Way way) {
    switch (way.plan.home) {
      case Home::loop:
        return start_at(std::move(way), loop_.get_executor());
      case Home::two_loops:
        if (way.plan.cancel == Cancel::never && way.number % 2 == 0) {
          return start_at(std::move(way), two_loops_.get_executor());
        }
        return start_at(std::move(way), loops_strand_);
      case Home::threads:
        if (way.plan.cancel == Cancel::never && way.number % 2 == 0) {
          return start_at(std::move(way), threads_.get_executor());
        }
        return start_at(std::move(way), threads_strand_);
      case Home::erased: {
        const asio::any_io_executor executors[] = {loop_.get_executor(), loops_strand_,
                                                   threads_strand_};
        return start_at(std::move(way), executors[way.number % 3]);
      }
      case Home::none:
        return initiate(std::move(way), [](Handler handler) { return handler; });
    }
  }

  template <class Executor>
  void start_at(Way way, const Executor& executor) {
    if (way.plan.on_home) {
      asio::post(executor, [this, way, executor] { begin(way, executor); });
    } else {
      begin(std::move(way), executor);
    }
  }

  template <class Executor>
  void begin(Way way, const Executor& executor) {
    if (way.plan.cancel != Cancel::never)
      way.signal = std::make_shared<asio::cancellation_signal>();
    const Way mine = way;
    if (mine.plan.cancel == Cancel::before_start) cancel(mine);
    if (mine.plan.token == Token::coroutine) {
      start_coroutine(std::move(way), executor);
    } else {
      initiate(std::move(way), [&](Handler handler) {
        const auto slot = mine.signal ? mine.signal->slot() : asio::cancellation_slot();
        return asio::bind_cancellation_slot(slot,
                                            asio::bind_executor(executor, std::move(handler)));
      });
    }
    if (mine.plan.cancel == Cancel::at_once) cancel(mine);
    if (mine.plan.cancel == Cancel::later) cancel_later(mine, executor, mine.plan.posts_first);
  }

  static void cancel(const Way& way) {
    for (std::uint32_t i = 0; i < way.plan.emits; ++i) way.signal->emit(way.plan.kind);
  }
  template <class Executor>
  static void cancel_later(const Way& way, const Executor& executor, std::uint32_t turns) {
    asio::post(executor, [=] {
      if (turns == 0) {
        cancel(way);
      } else {
        cancel_later(way, executor, turns - 1);
      }
    });
  }

  static millrace::JobOptions options_of(const Plan& plan) {
    const auto now = steady_clock::now();
    millrace::JobOptions options{.priority = plan.priority};
    switch (plan.deadline) {
      case Deadline::none:
        break;
      case Deadline::passed:
        options.deadline = now - std::chrono::milliseconds(1);
        break;
      case Deadline::soon:
        options.deadline = now + std::chrono::nanoseconds(plan.ahead);
        break;
      case Deadline::far:
        options.deadline = now + std::chrono::hours(1);
        break;
    }
    return options;
  }

  template <class MakeToken>
  void initiate(Way way, MakeToken make_token) {
    if (way.plan.stoppable) {
      initiate(Work<true>{this, way.number, way.plan}, std::move(way), make_token);
    } else {
      initiate(Work<false>{this, way.number, way.plan}, std::move(way), make_token);
    }
  }

  template <bool Stoppable, class MakeToken>
  void initiate(Work<Stoppable> work, Way way, MakeToken make_token) {
    ComputePool<>& pool = pools_[way.plan.bounded];
    const Plan plan = way.plan;
    way.inline_on_worker =
        plan.call == Call::install && pool.get_executor().running_in_this_thread();
    auto token = make_token(Handler{this, std::move(way)});
    // Of all the combinations, what the plans make: the others only cost time to compile.
    using executor = asio::associated_executor_t<decltype(token)>;
    constexpr bool erased =
        std::is_same_v<executor, asio::any_io_executor> || std::is_same_v<decltype(token), Handler>;
    if constexpr (erased) {
      switch (plan.call) {
        case Call::install:
          return pool.install(options_of(plan), RegionWork<Stoppable>{work}, std::move(token));
        case Call::join:
          return pool.join(
              options_of(plan), work, [plan] { stress::pause(plan.length); }, std::move(token));
        case Call::scoped:
          return pool.execute_scoped(options_of(plan), ScopedWork<Stoppable>{work},
                                     std::move(token));
        case Call::scoped_fifo:
          return pool.execute_scoped_fifo(options_of(plan), ScopedWork<Stoppable>{work},
                                          std::move(token));
        default:
          break;
      }
    }
    if constexpr (std::is_same_v<executor, asio::io_context::executor_type>) {
      if (plan.token == Token::deferred) {
        return pool.execute(options_of(plan), work, test::deferred)(std::move(token));
      }
    }
    if (plan.options) {
      pool.execute(options_of(plan), work, std::move(token));
    } else {
      pool.execute(work, std::move(token));
    }
  }

  template <class Executor>
  void start_coroutine(Way way, const Executor& executor) {
    const auto slot = way.signal ? way.signal->slot() : asio::cancellation_slot();
    if (way.plan.stoppable) {
      spawn(Work<true>{this, way.number, way.plan}, executor, slot, std::move(way));
    } else {
      spawn(Work<false>{this, way.number, way.plan}, executor, slot, std::move(way));
    }
  }
  template <bool Stoppable, class Executor>
  void spawn(Work<Stoppable> work, const Executor& executor, asio::cancellation_slot slot,
             Way way) {
    asio::co_spawn(executor, await(work),
                   asio::bind_cancellation_slot(
                       slot, asio::bind_executor(executor, Handler{this, std::move(way)})));
  }
  template <bool Stoppable>
  asio::awaitable<std::uint64_t> await(Work<Stoppable> work) {
    // A cancel that comes before the operation would end the coroutine, and the pool would never
    // hear of the job.
    co_await asio::this_coro::throw_if_cancelled(false);
    ComputePool<>& pool = pools_[work.plan.bounded];
    if (work.plan.options) co_return co_await pool.execute(options_of(work.plan), work);
    co_return co_await pool.execute(work);
  }

  void complete(Way& way, const std::exception_ptr& error, std::uint64_t result) {
    settle(way, error, result);
    if (way.plan.cancel == Cancel::after_end) cancel(way);
    Permits& permits = *way.permits;
    if (!way.plan.goes_on || !start_next(permits, false)) permits.give_back();
  }

  // Does what has come fit what was asked for?
  void settle(const Way& way, const std::exception_ptr& error, std::uint64_t result) {
    const Plan& plan = way.plan;
    const Outcome outcome = outcome_of(way.number, error);
    const unsigned ran = accounts_.times_run(way.number);
    const bool bounds = plan.bounded && pools_[1].config().overflow == millrace::Overflow::reject;
    switch (outcome) {
      case value:
        if (plan.throws != Throws::nothing || result != way.number) {
          complain(way.number, "returned what it shouldn't");
        }
        if (ran != 1) complain(way.number, "has a value and didn't run once");
        if (plan.deadline == Deadline::passed) complain(way.number, "ran after its deadline");
        break;
      case thrown:
        if (plan.throws == Throws::nothing) complain(way.number, "threw");
        if (ran != 1) complain(way.number, "threw and didn't run once");
        if (plan.deadline == Deadline::passed) complain(way.number, "ran after its deadline");
        break;
      case aborted:
        if (plan.cancel == Cancel::never || plan.cancel == Cancel::after_end) {
          complain(way.number, "was aborted by nobody");
        }
        break;
      case expired:
        if (plan.deadline != Deadline::passed && plan.deadline != Deadline::soon) {
          complain(way.number, "expired before its deadline");
        }
        break;
      case full:
        if (!bounds) complain(way.number, "was turned away by a pool that doesn't");
        break;
      default:
        complain(way.number, "ended with an error of another kind");
    }
    if (outcome >= aborted && ran != 0) complain(way.number, "ran and was given up");
    if (plan.home == Home::none && plan.call != Call::sync &&
        (outcome >= aborted || way.inline_on_worker)) {
      accounts_.posted(plan.bounded);
    }
    accounts_.complete(way.number, plan.bounded, outcome);
  }

  static Outcome outcome_of(std::uint64_t number, const std::exception_ptr& error) {
    try {
      if (error) std::rethrow_exception(error);
      return value;
    } catch (const OwnError& e) {
      return e.number == number ? thrown : odd;
    } catch (const std::uint64_t& e) {
      return e == number ? thrown : odd;
    } catch (const std::system_error& e) {
      if (e.code() == asio::error::operation_aborted) return aborted;
      if (e.code() == millrace::errc::deadline_exceeded) return expired;
      if (e.code() == millrace::errc::queue_full) return full;
      return odd;
    } catch (...) {
      return odd;
    }
  }

 public:
  void complain(std::uint64_t number, const char* what) {
    if (complaints_.fetch_add(1) < 10) {
      std::fprintf(stderr, "stress: seed %" PRIu64 ", job %" PRIu64 " %s\n", seed_, number, what);
    }
  }
  [[nodiscard]] std::uint64_t complaints() const { return complaints_; }

 private:
  void drain(ComputePool<>& pool) {
    std::promise<void> drained;
    pool.async_drain(
        asio::bind_executor(loop_, [&](const std::exception_ptr&) { drained.set_value(); }));
    drained.get_future().get();
  }

  std::uint64_t seed_;
  std::atomic<std::uint64_t> next_;
  std::uint64_t end_;
  std::uint64_t jobs_;
  Accounts& accounts_;
  std::atomic<std::uint64_t> complaints_ = 0;
  std::array<Permits, 4> permits_;
  asio::io_context loop_;
  asio::io_context two_loops_;
  asio::thread_pool threads_{2};
  asio::strand<asio::io_context::executor_type> loops_strand_ = asio::make_strand(two_loops_);
  asio::strand<asio::thread_pool::executor_type> threads_strand_ =
      asio::make_strand(threads_.get_executor());
  ComputePool<> pools_[2];
};

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

}  // namespace

TEST_CASE("many producers, contexts and ends: nothing lost, nothing twice [P47]") {
  const std::uint64_t jobs = stress::setting("MILLRACE_STRESS_JOBS", 100'000);
  const std::uint64_t seed = stress::seed();
  std::printf("stress: seed %" PRIu64 "\n", seed);
  const auto begin = steady_clock::now();
  Accounts accounts(jobs);
  std::array<std::uint64_t, outcomes> total{};
  // A pool turns away what is too much, or lets it wait: half the jobs each.
  for (const auto overflow : {millrace::Overflow::reject, millrace::Overflow::wait}) {
    const bool first = overflow == millrace::Overflow::reject;
    std::array<std::uint64_t, outcomes> before[2]{};
    std::uint64_t posted_before[2] = {accounts.posted_count(false), accounts.posted_count(true)};
    for (int which = 0; which < outcomes; ++which) {
      for (const bool bounded : {false, true}) {
        before[bounded][std::size_t(which)] = accounts.count(bounded, Outcome(which));
      }
    }
    Machine machine(seed, first ? 0 : jobs / 2, first ? jobs / 2 : jobs, jobs, accounts, overflow);
    machine.run();
    CHECK(machine.complaints() == 0);
    for (const bool bounded : {false, true}) {
      const auto now = [&](Outcome outcome) {
        return accounts.count(bounded, outcome) - before[bounded][outcome];
      };
      const std::uint64_t posted = accounts.posted_count(bounded) - posted_before[bounded];
      const auto metrics = machine.pool(bounded).metrics();
      CHECK(metrics.completed == now(value) + posted);
      CHECK(metrics.failed == now(thrown));
      CHECK(metrics.cancelled == now(aborted));
      CHECK(metrics.expired == now(expired));
      CHECK(metrics.rejected == now(full));
      CHECK(metrics.started == metrics.completed + metrics.failed);
      CHECK(metrics.submitted ==
            metrics.started + metrics.cancelled + metrics.expired + metrics.rejected);
      CHECK(metrics.pending == 0);
      CHECK(metrics.active == 0);
      for (const Outcome outcome : {value, thrown, aborted, expired, full, odd}) {
        total[outcome] += now(outcome);
      }
    }
  }
  CHECK(accounts.lost() == 0);
  CHECK(accounts.twice() == 0);
  std::printf("stress: %s jobs, 4 threads, 3 contexts, 2 pools, seed %" PRIu64
              ": %s completed, %s threw, %s cancelled, %s expired, %s rejected, %s lost, "
              "%s twice, %.1f s\n",
              with_commas(jobs).c_str(), seed, with_commas(total[value]).c_str(),
              with_commas(total[thrown]).c_str(), with_commas(total[aborted]).c_str(),
              with_commas(total[expired]).c_str(), with_commas(total[full]).c_str(),
              with_commas(accounts.lost()).c_str(), with_commas(accounts.twice()).c_str(),
              std::chrono::duration<double>(steady_clock::now() - begin).count());
}
