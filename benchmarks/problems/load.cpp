#include <algorithm>
#include <array>
#include <asio/bind_executor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "problems/problems.hpp"
#include "support/arrivals.hpp"
#include "support/churn.hpp"
#include "support/contest.hpp"
#include "support/placement.hpp"
#include "support/statistics.hpp"

namespace bench {

namespace {

struct job_kind {
  const char* problem;  ///< without the load, which follows as "_at_30"
  nanoseconds length;
  std::chrono::milliseconds time;  ///< of one run: long jobs need more for as many
  int sampled;                     ///< the CPU time of one in so many jobs is read
};

using namespace std::chrono_literals;
// Reading a thread's CPU time costs a system call, so not at each short job.
constexpr std::array kinds{job_kind{"load_5us", 5us, 300ms, 16},
                           job_kind{"load_50us", 50us, 400ms, 1},
                           job_kind{"load_500us", 500us, 1000ms, 1}};

/// The job on the loop itself: what is the arrivals' and the timer's part of each number.
struct inline_on_loop {
  explicit inline_on_loop(int) {}

  template <class F, class Handler>
  void start(F f, Handler handler) {
    const auto executor = handler.get_executor();
    asio::post(executor, [f, handler]() mutable { handler(std::exception_ptr(), f()); });
  }
};

/// What is noted of one job.
struct record {
  clock::time_point arrived;
  clock::time_point submitted;
  clock::time_point handled;
  nanoseconds own{0};
};

struct timed_job {
  std::uint64_t steps;
  record* sample;  ///< null if the job doesn't read its CPU time

  std::uint64_t operator()() const noexcept {
    if (sample == nullptr) return churn(1, steps);
    const auto before = thread_cpu();
    const std::uint64_t result = churn(1, steps);
    sample->own = thread_cpu() - before;
    return result;
  }
};

/// Submits a job at each arrival, whether the ones before have ended or not. What comes too late,
/// as the loop was busy or slept too long, counts from when it should have come.
template <class Rival>
class open_loop {
 public:
  open_loop(Rival& rival, std::uint64_t steps, int sampled, std::vector<nanoseconds> arrivals)
      : rival_(rival),
        steps_(steps),
        expected_(churn(1, steps)),
        sampled_(static_cast<std::size_t>(sampled)),
        arrivals_(std::move(arrivals)),
        records_(arrivals_.size()) {}

  const std::vector<record>& run() {
    begin_ = clock::now() + 1ms;
    wait();
    context_.run();
    if (handled_ != records_.size()) throw std::runtime_error("not every job came back");
    return records_;
  }

 private:
  void wait() {
    if (next_ == arrivals_.size()) return;
    timer_.expires_at(begin_ + arrivals_[next_]);
    timer_.async_wait([this](const std::error_code&) {
      // What is due now and no more: handlers have their turn in between.
      const auto now = clock::now();
      while (next_ < arrivals_.size() && begin_ + arrivals_[next_] <= now) submit(next_++);
      wait();
    });
  }

  void submit(std::size_t number) {
    record& one = records_[number];
    one.arrived = begin_ + arrivals_[number];
    one.submitted = clock::now();
    const bool sample = number % sampled_ == 0;
    rival_.start(timed_job{steps_, sample ? &one : nullptr},
                 asio::bind_executor(context_.get_executor(),
                                     [this, &one](std::exception_ptr error, std::uint64_t result) {
                                       if (error) std::rethrow_exception(error);
                                       if (result != expected_)
                                         throw std::runtime_error("a job gave a wrong result");
                                       one.handled = clock::now();
                                       ++handled_;
                                     }));
  }

  asio::io_context context_;
  asio::steady_timer timer_{context_};
  Rival& rival_;
  std::uint64_t steps_;
  std::uint64_t expected_;
  std::size_t sampled_;
  std::vector<nanoseconds> arrivals_;
  std::vector<record> records_;
  std::size_t next_ = 0;
  std::size_t handled_ = 0;
  clock::time_point begin_;
};

/// Microseconds of a job's own CPU time, the mean over those that were sampled.
double own_cpu(const std::vector<record>& records) {
  double sum = 0;
  int count = 0;
  for (const record& one : records)
    if (one.own.count() != 0) {
      sum += in_us(one.own);
      ++count;
    }
  return count == 0 ? 0 : sum / count;
}

template <class Time>
std::vector<double> sorted_times(const std::vector<record>& records, Time from) {
  std::vector<double> times;
  times.reserve(records.size());
  for (const record& one : records) times.push_back(in_us(one.handled - one.*from));
  std::sort(times.begin(), times.end());
  return times;
}

template <class Rival>
measurements run(const job_kind& kind, std::uint64_t steps, int workers, int percent,
                 nanoseconds time) {
  Rival rival(workers);
  const double per_second = 1e9 / in_ns(kind.length) * workers * percent / 100;
  const auto loop = [&](nanoseconds length) {
    return open_loop<Rival>(rival, steps, kind.sampled, poisson_arrivals(per_second, length));
  };
  static_cast<void>(loop(time / 10).run());
  place_threads(workers);
  auto measured = loop(time);
  const auto cpu = process_cpu();
  const auto& records = measured.run();
  const double used = in_us(process_cpu() - cpu) / static_cast<double>(records.size());
  const auto times = sorted_times(records, &record::arrived);
  return {{"p50", "us", quantile(times, 0.5)},
          {"p99", "us", quantile(times, 0.99)},
          {"p99.9", "us", quantile(times, 0.999)},
          {"from submission p50", "us", quantile(sorted_times(records, &record::submitted), 0.5)},
          {"CPU beyond the job's", "us", used - own_cpu(records)}};
}

// Measured once, so that jobs of all rivals are of the same length.
std::uint64_t steps_of(nanoseconds length) {
  static const std::uint64_t steps_of_a_ms = churn_steps(1ms);
  return static_cast<std::uint64_t>(static_cast<double>(steps_of_a_ms) * in_ns(length) / 1e6);
}

template <class Rival>
variant make(const job_kind& kind, const char* name, int workers, int percent) {
  return {std::string(kind.problem) + "_at_" + std::to_string(percent),
          name,
          workers,
          0,
          kind.time,
          [&kind, workers, percent](nanoseconds time) {
            return run<Rival>(kind, steps_of(kind.length), workers, percent, time);
          }};
}

}  // namespace

void add_load(suite& all) {
  for (const int workers : {1, 2})
    for (const job_kind& kind : kinds)
      for (const int percent : {10, 30, 60, 90}) {
        for_each_rival([&]<class Rival, style Style>(const char* name) {
          if constexpr (Style == style::coroutines)
            all.add(make<Rival>(kind, name, workers, percent));
        });
        // With more than one worker that would be too much for a loop.
        if (workers == 1) all.add(make<inline_on_loop>(kind, "inline_on_loop", workers, percent));
      }
}

}  // namespace bench
