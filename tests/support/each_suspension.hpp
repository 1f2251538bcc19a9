#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>

#include "millrace/compute_pool.hpp"

// Stops a coroutine at each point at which it waits, one after the other, and pulls the ground from
// under it.
namespace test {

// What becomes of a coroutine that has stopped.
enum class Interruption { context_then_pool, pool_then_context, cancel };
// Where its job is at that time: wherever it has got to, behind another job, or running.
enum class JobIs { anywhere, queued, running };
enum class RunsOn { context, strand };

// What the coroutine, its jobs and who interrupts it know of each other. Outlives them all.
class Journey {
 public:
  // An object that the coroutine keeps in its frame and its jobs refer to.
  class Frame {
   public:
    explicit Frame(Journey& of) : of_(of) { of_.frame_lives_ = true; }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;
    ~Frame() { of_.frame_lives_ = false; }

    // The coroutine, before each operation. Stops the context, so that what its thread is in now is
    // the last handler, however soon the operation completes.
    void starts_operation() {
      ++of_.started_;
      of_.context_->stop();
    }

    // Once in each operation, in its job.
    void in_job() {
      Journey& of = of_;
      if (of.context_gone_) ++of.wrong_;
      const bool held = of.holds_;
      if (held) ++of.held_;  // before it is seen to have begun
      ++of.begun_;
      if (held) of.permits_.acquire();
      if (!of.frame_lives_) {
        ++of.wrong_;
        return;
      }
      ++touched;
    }

    int touched = 0;

   private:
    Journey& of_;
  };

  // Something that is captured: by a job, or in the frame.
  class Owned {
   public:
    explicit Owned(Journey& of) : of_(&of) { ++of_->live_; }
    Owned(const Owned& other) noexcept : of_(other.of_) { ++of_->live_; }
    Owned& operator=(const Owned&) = delete;
    ~Owned() { --of_->live_; }

   private:
    Journey* of_;
  };

 private:
  template <class Body>
  friend struct Traveller;

  asio::io_context* context_ = nullptr;
  std::atomic<int> started_ = 0;  // operations
  std::atomic<int> begun_ = 0;    // their jobs
  std::atomic<int> held_ = 0;     // jobs that were made to wait
  std::atomic<int> wrong_ = 0;    // what must not have happened
  std::atomic<int> live_ = 0;
  std::atomic<bool> holds_ = false;
  std::atomic<bool> frame_lives_ = false;
  std::atomic<bool> context_gone_ = false;
  std::counting_semaphore<> permits_{0};
};

// How it ended.
struct Arrival {
  bool completed = false;  // there was nothing left to interrupt
  bool ended = false;      // the coroutine came to its end, as it must if nothing was destroyed
  std::exception_ptr error;
  int live = 0;
  int wrong = 0;
  bool ran_when_queued = false;  // a job began that the interruption should have kept from it
  bool was_out = false;          // a job was where it was wanted, when the interruption came
};

template <class Body>
struct Traveller {
  Interruption how;
  JobIs where;
  RunsOn on;
  Body& body;  // asio::awaitable<void>(ComputePool<>&, Journey&)

  // Runs `handlers` handlers, and interrupts the coroutine there.
  Arrival operator()(int handlers) {
    Journey journey;
    Arrival arrival;
    asio::cancellation_signal signal;
    auto context = std::make_unique<asio::io_context>();
    journey.context_ = context.get();
    auto pool = std::make_unique<millrace::ComputePool<>>(
        millrace::ComputeConfig{.threads = 1, .idle_spin = {}});
    std::binary_semaphore blocker_begun(0);
    std::binary_semaphore blocker_released(0);

    asio::any_io_executor executor = context->get_executor();
    if (on == RunsOn::strand) executor = asio::make_strand(*context);
    asio::co_spawn(executor, body(*pool, journey),
                   asio::bind_cancellation_slot(
                       signal.slot(), asio::bind_executor(executor, [&](std::exception_ptr error) {
                         arrival.ended = true;
                         arrival.error = error;
                       })));
    executor = {};

    journey.holds_ = where == JobIs::running;
    int released = 0;
    bool blocked = false;
    for (int i = 0; i < handlers && !arrival.ended; ++i) {
      if (where == JobIs::queued && i + 1 == handlers) {
        // What the coroutine waits for now was submitted before, and so ends before this begins.
        pool->execute(
            [&] {
              blocker_begun.release();
              blocker_released.acquire();
            },
            asio::detached);
        blocker_begun.acquire();
        blocked = true;
      }
      while (context->restart(), context->poll_one() == 0) {
        if (journey.held_ > released) {
          ++released;
          journey.permits_.release();
        }
        std::this_thread::yield();
      }
    }
    arrival.completed = arrival.ended;
    if (where == JobIs::running) {
      while (journey.begun_ != journey.started_) std::this_thread::yield();
    }
    const int begun_before = journey.begun_;
    arrival.was_out = where == JobIs::running ? journey.held_ > released
                                              : blocked && begun_before != journey.started_;

    // Lets job and blocker go on, as late as can be: what follows may wait for them.
    std::binary_semaphore now(0);
    std::thread later([&] {
      now.acquire();
      for (int i = 0; i < 50; ++i) std::this_thread::yield();
      if (blocked) blocker_released.release();
      journey.holds_ = false;
      if (journey.held_ > released) journey.permits_.release();
    });
    switch (how) {
      case Interruption::context_then_pool:
        // A blocked worker must not keep the context.
        if (!blocked) now.release();
        context.reset();
        journey.context_gone_ = true;
        if (journey.frame_lives_) ++journey.wrong_;
        if (blocked) now.release();
        pool.reset();
        break;
      case Interruption::pool_then_context:
        now.release();
        pool.reset();
        context.reset();
        break;
      case Interruption::cancel:
        signal.emit(asio::cancellation_type::terminal);
        if (!blocked) now.release();
        // A blocked worker must not keep the coroutine: run() returns when that has ended.
        while (!arrival.ended) {
          context->restart();
          context->run();
        }
        if (blocked) now.release();
        break;
    }
    later.join();
    arrival.ran_when_queued = blocked && journey.begun_ != begun_before;
    pool.reset();
    context.reset();
    arrival.live = journey.live_;
    arrival.wrong = journey.wrong_;
    return arrival;
  }
};

}  // namespace test
