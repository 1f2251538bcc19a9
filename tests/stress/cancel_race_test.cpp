// Cancellation, deadlines and the two threads that race with them: exactly one completion, and a
// job that was given up never ran.
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <latch>
#include <stop_token>
#include <system_error>
#include <thread>

#include "millrace/compute_pool.hpp"
#include "stress/settings.hpp"
#include "support/catch.hpp"
#include "support/outcome.hpp"

using millrace::ComputePool;
using std::chrono::steady_clock;

namespace {

// Each race is run twice or in two ways.
std::uint64_t tries() {
  return stress::setting("MILLRACE_STRESS_TRIES", 50'000);
}

// The worker looks out for long enough to take the next job at about the time at which it comes.
// Not for longer: where the two threads share a core, each try lasts until the worker has given up.
constexpr std::chrono::microseconds look_out(100);

// A delay that hovers where the race is: it grows when this thread came too early and shrinks when
// it came too late.
class Aim {
 public:
  explicit Aim(std::uint64_t seed) : random_(seed) {}

  void wait() {
    stress::pause(centre_ / 2 + random_.below(centre_ + 2));
    if (centre_ == furthest) std::this_thread::yield();  // the other one may be on this core
  }
  void missed(bool early) {
    if (early) {
      if (centre_ < furthest) ++centre_;
    } else if (centre_ > 0) {
      --centre_;
    }
  }

 private:
  static constexpr std::uint32_t furthest = 200;

  stress::Random random_;
  std::uint32_t centre_ = 20;
};

struct Completion {
  int calls = 0;
  std::error_code error;  // what the pool decided
  bool stopped = false;   // what the job returned
};

// What a cancelling thread may do to a signal: once, or several times in a row, of any kind.
void emit(asio::cancellation_signal& signal, stress::Random& random) {
  constexpr asio::cancellation_type kinds[] = {asio::cancellation_type::terminal,
                                               asio::cancellation_type::partial,
                                               asio::cancellation_type::all};
  for (std::uint32_t times = 1 + random.below(3); times != 0; --times) {
    signal.emit(kinds[random.below(3)]);
  }
}

// Starts the operation on `executor`, lets `cancel(signal)` emit there, and runs the context until
// the operation is complete. The context has this one thread.
template <class Executor, class Job, class Cancel>
Completion cancelled(ComputePool<>& pool, asio::io_context& context, const Executor& executor,
                     Job& job, Cancel cancel) {
  Completion seen;
  asio::cancellation_signal signal;
  const auto handler = [&](std::exception_ptr error, bool stopped) {
    ++seen.calls;
    seen.stopped = stopped;
    seen.error = test::code_of(error);
  };
  asio::post(executor, [&] {
    pool.execute(
        job, asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(executor, handler)));
    cancel(signal);
  });
  context.restart();
  context.run();
  return seen;
}

template <class Executor>
void race_with_start(asio::io_context& context, const Executor& executor) {
  ComputePool pool{{.threads = 1, .idle_spin = look_out}};
  stress::Random random(stress::seed());
  Aim aim(stress::seed());
  std::uint64_t wrong = 0;
  std::uint64_t never_ran = 0;
  for (std::uint64_t i = 0; i < tries(); ++i) {
    std::atomic<int> ran = 0;
    const auto job = [&](const std::stop_token& stop) {
      ++ran;
      return stop.stop_requested();
    };
    const Completion seen =
        cancelled(pool, context, executor, job, [&](asio::cancellation_signal& signal) {
          aim.wait();
          emit(signal, random);
        });
    const bool aborted = seen.error == asio::error::operation_aborted;
    if (seen.calls != 1 || (seen.error && !aborted) || ran != (aborted ? 0 : 1)) ++wrong;
    if (aborted) ++never_ran;
    aim.missed(aborted);
  }
  CHECK(wrong == 0);
  // About half of each, where the two threads really run at the same time.
  std::printf("stress: cancel against start: %" PRIu64 " tries, %" PRIu64 " aborted\n", tries(),
              never_ran);
  const auto metrics = pool.metrics();
  CHECK(metrics.cancelled == never_ran);
  CHECK(metrics.completed == tries() - never_ran);
}

template <class Executor>
void race_with_end(asio::io_context& context, const Executor& executor) {
  ComputePool pool{{.threads = 1, .idle_spin = look_out}};
  stress::Random random(stress::seed());
  Aim aim(stress::seed());
  std::uint64_t wrong = 0;
  std::uint64_t stopped = 0;
  for (std::uint64_t i = 0; i < tries(); ++i) {
    std::atomic<bool> begun = false;
    std::atomic<int> ran = 0;
    const std::uint32_t length = random.below(60);
    const auto job = [&](const std::stop_token& stop) {
      begun = true;
      stress::pause(length);
      ++ran;
      return stop.stop_requested();
    };
    const Completion seen =
        cancelled(pool, context, executor, job, [&](asio::cancellation_signal& signal) {
          stress::wait_for(begun);
          aim.wait();
          emit(signal, random);
        });
    if (seen.calls != 1 || seen.error || ran != 1) ++wrong;
    if (seen.stopped) ++stopped;
    aim.missed(seen.stopped);
  }
  CHECK(wrong == 0);
  std::printf("stress: cancel against finish: %" PRIu64 " tries, %" PRIu64 " told to stop\n",
              tries(), stopped);
  CHECK(pool.metrics().completed == tries());
}

}  // namespace

TEST_CASE("cancel races start: one completion, and the job ran or was aborted [P15]") {
  asio::io_context context;
  SECTION("handlers of a context") {
    race_with_start(context, context.get_executor());
  }
  SECTION("handlers of a strand") {
    race_with_start(context, asio::make_strand(context));
  }
}

TEST_CASE("cancel races finish: one completion, with the job's value [P15]") {
  asio::io_context context;
  SECTION("handlers of a context") {
    race_with_end(context, context.get_executor());
  }
  SECTION("handlers of a strand") {
    race_with_end(context, asio::make_strand(context));
  }
}

TEST_CASE("a deadline that passes while its job is submitted ends it at once [P17]") {
  // All workers are busy until every operation has completed, so nobody but the timer can expire
  // them; and the timer is busy, so it comes early, too.
  ComputePool pool{{.threads = 1}};
  asio::io_context context;
  std::latch release(1);
  std::atomic<bool> busy = false;
  pool.execute(
      [&] {
        busy = true;
        release.wait();
      },
      asio::bind_executor(context, [](std::exception_ptr) {}));
  stress::wait_for(busy);

  stress::Random random(stress::seed());
  const std::uint64_t jobs = tries();
  std::uint64_t expired = 0;
  std::uint64_t completed = 0;
  std::atomic<std::uint64_t> ran = 0;
  constexpr std::uint64_t most_out = 64;
  for (std::uint64_t started = 0; completed < jobs; context.run_one()) {
    while (started < jobs && started - completed < most_out) {
      ++started;
      const auto deadline = steady_clock::now() + std::chrono::nanoseconds(random.below(4000)) -
                            std::chrono::nanoseconds(1000);
      pool.execute(
          {.deadline = deadline}, [&] { ++ran; },
          asio::bind_executor(context, [&](std::exception_ptr error) {
            ++completed;
            if (test::code_of(error) == millrace::errc::deadline_exceeded) ++expired;
          }));
    }
  }
  release.count_down();
  context.run();
  CHECK(expired == jobs);
  CHECK(ran == 0);
  CHECK(pool.metrics().expired == jobs);
}

TEST_CASE("deadline, cancel and start race: one completion, as one of them decided [P15] [P17]") {
  ComputePool pool{{.threads = 1, .idle_spin = look_out}};
  asio::io_context context;
  const auto executor = context.get_executor();
  stress::Random random(stress::seed());
  std::uint64_t wrong = 0;
  std::uint64_t aborted = 0;
  std::uint64_t expired = 0;
  std::uint64_t returned = 0;
  for (std::uint64_t i = 0; i < tries(); ++i) {
    std::atomic<int> ran = 0;
    Completion seen;
    asio::cancellation_signal signal;
    const auto deadline = steady_clock::now() + std::chrono::nanoseconds(random.below(8000));
    const std::uint32_t length = random.below(100);
    pool.execute(
        {.deadline = deadline},
        [&](const std::stop_token& stop) {
          ++ran;
          stress::pause(length);
          return stop.stop_requested();
        },
        asio::bind_cancellation_slot(
            signal.slot(), asio::bind_executor(executor, [&](std::exception_ptr error, bool) {
              ++seen.calls;
              seen.error = test::code_of(error);
            })));
    stress::pause(random.below(200));
    if (random.percent(50)) emit(signal, random);
    context.restart();
    context.run();
    if (seen.error == asio::error::operation_aborted) {
      ++aborted;
    } else if (seen.error == millrace::errc::deadline_exceeded) {
      ++expired;
    } else if (!seen.error) {
      ++returned;
    }
    if (seen.calls != 1 || ran != (seen.error ? 0 : 1)) ++wrong;
  }
  CHECK(wrong == 0);
  const auto metrics = pool.metrics();
  CHECK(metrics.cancelled == aborted);
  CHECK(metrics.expired == expired);
  CHECK(metrics.completed == returned);
  CHECK(aborted + expired + returned == tries());
  std::printf("stress: cancel, deadline, start: %" PRIu64 " tries, %" PRIu64 " aborted, %" PRIu64
              " expired\n",
              tries(), aborted, expired);
}
