#pragma once

#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/clocks.hpp"
#include "support/deferred.hpp"

// A stream of empty jobs from one Asio thread: some number of them in flight, each job's end
// starting the next one.
namespace bench {

enum class style {
  coroutines,
  strands,  ///< coroutines with a strand each, as connections of a service with many threads have
  callbacks
};

/// Counts jobs and checks what they return. Single-threaded: used on the loop only.
class progress {
 public:
  [[nodiscard]] std::uint64_t next() noexcept { return started_++; }
  [[nodiscard]] std::uint64_t done() const noexcept { return done_; }

  void finished(std::uint64_t result) noexcept {
    sum_ += result;
    ++done_;
  }

  /// Throws unless each job started has given back its number + 1.
  void check() const {
    if (done_ != started_ || sum_ != started_ * (started_ + 1) / 2)
      throw std::runtime_error("wrong results: " + std::to_string(done_) + " of " +
                               std::to_string(started_) + " jobs, sum " + std::to_string(sum_));
  }

 private:
  std::uint64_t started_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t sum_ = 0;
};

/// Ends a stream after some time; looks at the clock once in 64 jobs.
class for_time : public progress {
 public:
  explicit for_time(nanoseconds time) : deadline_(clock::now() + time) {}

  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  void finished(std::uint64_t result) noexcept {
    progress::finished(result);
    if (done() % 64 == 0 && clock::now() >= deadline_) stopped_ = true;
  }

 private:
  clock::time_point deadline_;
  bool stopped_ = false;
};

inline void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

template <class Rival, class Progress>
asio::awaitable<void> await_jobs(Rival& rival, Progress& all) {
  while (!all.stopped()) {
    const std::uint64_t number = all.next();
    all.finished(
        co_await rival.start([number]() noexcept { return number + 1; }, asio::use_awaitable));
  }
}

template <class Rival, class Progress>
class callback_chain {
 public:
  callback_chain(asio::io_context& context, Rival& rival, Progress& all)
      : context_(context), rival_(rival), all_(all) {}

  void next() {
    if (all_.stopped()) return;
    const std::uint64_t number = all_.next();
    rival_.start([number]() noexcept { return number + 1; }, deferred)(asio::bind_executor(
        context_.get_executor(), [this](std::exception_ptr error, std::uint64_t result) {
          rethrow(error);
          all_.finished(result);
          next();
        }));
  }

 private:
  asio::io_context& context_;
  Rival& rival_;
  Progress& all_;
};

/// A loop as a service has it. A timer, even one that never runs, makes it wait in epoll, where it
/// would hear of sockets, instead of on a condition variable.
struct service_loop {
  asio::io_context context;
  asio::steady_timer polls{context};
};

/// Runs the stream on this thread until `all` has stopped and the last job has come back.
template <style Style, class Rival, class Progress>
void run_stream(Rival& rival, int in_flight, Progress& all) {
  service_loop loop;
  auto& context = loop.context;
  if constexpr (Style == style::coroutines) {
    for (int i = 0; i < in_flight; ++i) asio::co_spawn(context, await_jobs(rival, all), rethrow);
    context.run();
  } else if constexpr (Style == style::strands) {
    for (int i = 0; i < in_flight; ++i) {
      asio::co_spawn(asio::make_strand(context), await_jobs(rival, all), rethrow);
    }
    context.run();
  } else {
    using chain = callback_chain<Rival, Progress>;
    std::vector<chain> chains(static_cast<std::size_t>(in_flight), chain(context, rival, all));
    for (auto& one : chains) one.next();
    context.run();
  }
  all.check();
}

}  // namespace bench
