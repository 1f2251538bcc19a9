#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "millrace/concepts.hpp"
#include "millrace/config.hpp"
#include "millrace/detail/all_ways_home.hpp"
#include "millrace/detail/deadline_timer.hpp"
#include "millrace/detail/delivering.hpp"
#include "millrace/detail/fork_generation.hpp"
#include "millrace/detail/gate.hpp"
#include "millrace/detail/giving_up.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_end.hpp"
#include "millrace/detail/live_pools.hpp"
#include "millrace/detail/outstanding.hpp"
#include "millrace/detail/pool_core.hpp"
#include "millrace/detail/pump.hpp"
#include "millrace/detail/workers.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

// A pool behind its core: the gate, the pump and the threads. Generated only in files that make a
// pool; see pool_core for what the functions promise.
template <InstrumentationPolicy Instrumentation>
class pool_engine final : public pool_core<Instrumentation>, private live_pools::member {
  using core = pool_core<Instrumentation>;
  using core::config_;

  // What a worker is called for.
  struct errand {
    pool_engine& self;
    void operator()() const noexcept { self.pump_.work(); }
  };
  using workers = detail::workers<errand>;
  using pump = detail::pump<workers>;

 public:
  using typename core::record;

  // `context` is the pool's own as an execution context, an address to compare.
  pool_engine(ComputeConfig config, const void* context)
      : core(validated(std::move(config)), context, all_ways_home<erased_executor>::instance()),
        instrumentation_(config_),
        gate_(config_.max_pending,
              config_.overflow == Overflow::wait ? gate::when_full::wait : gate::when_full::reject),
        workers_(config_, this->id(), errand{*this}),
        pump_(workers_, this->id(), config_.idle_spin, outstanding_) {
    live_pools::add(*this);
  }

  // After close().
  ~pool_engine() {
    if (this->forked()) {
      // The threads that these would wait for are the parent's.
      static_cast<void>(timer_.release());
      workers_.abandon();
    }
  }

  void close() noexcept override {
    if (this->forked()) return;
    shutdown();
    posts_closed_.store(true, std::memory_order_seq_cst);
    pump_.revoke_leases();
    for (std::size_t shares = giving_up::take_shares_back(this->id()); shares != 0; --shares)
      ended();
    outstanding_.wait();
    // Not before: a job that runs until then may destroy a context that somebody waits for the end
    // of the jobs in.
    live_pools::remove(*this);
    workers_.stop();
  }

  void drop_left() noexcept override {
    for (;;) {
      job_batch all;
      {
        const std::lock_guard lock(left_mutex_);
        all = std::exchange(left_, {});
      }
      if (all.empty()) return;
      while (!all.empty()) all.pop().perform(job::step::drop);
    }
  }

  void shutdown() noexcept override {
    if (this->forked()) return;
    closed_.store(true, std::memory_order_seq_cst);
    job_batch all;
    take([](job& one) { return !one.lasting; }, all);
    giving_up::all(this->id(), all, job::end::refused);
  }

  void give_up(job& one, job::end why) noexcept override { giving_up::one(this->id(), one, why); }

  [[nodiscard]] const Instrumentation& instrumentation() const noexcept { return instrumentation_; }

  [[nodiscard]] deadline_timer& timer() override {
    std::call_once(timer_made_, [this] {
      timer_ = std::make_unique<deadline_timer>([this] { workers_.begin_timer(); });
    });
    return *timer_;
  }

  void submit(job& next, record& its) noexcept override {
    enter(its);
    if (closed_.load(std::memory_order_relaxed)) return give_up(next, job::end::refused);
    if (gate_.bounded()) {
      switch (gate_.enter(next)) {
        case gate::entry::open:
          break;
        case gate::entry::parked:
          return;
        case gate::entry::full:
          return give_up(next, job::end::rejected);
      }
    }
    pump_.submit(next);
  }

  void submit_lasting(job& next, record& its) noexcept override {
    next.lasting = true;
    next.priority = pump::queue::urgent;
    instrumentation_.submitted(its);
    const bool welcome = !posts_closed_.load(std::memory_order_seq_cst) || delivering::now();
    // Another pool's operation may come home when the workers have gone, for it keeps the pool as
    // an execution context only.
    if (welcome && outstanding_.add_job_unless_over()) {
      pump_.submit(next);
    } else {
      const std::lock_guard lock(left_mutex_);
      left_.append(next);
    }
  }

  void enter(record& its) noexcept override {
    instrumentation_.submitted(its);
    outstanding_.add_job();
  }

  [[nodiscard]] bool remove(job& one) noexcept override {
    return (gate_.bounded() && gate_.remove(one)) || pump_.remove(one);
  }

  [[nodiscard]] bool find_and_remove(job& one) noexcept override {
    bool removed = remove(one);
    while (!removed && !one.taken.load(std::memory_order_acquire)) {
      std::this_thread::yield();
      removed = remove(one);
    }
    return removed;
  }

  void labelled([[maybe_unused]] record& its, [[maybe_unused]] std::string_view label) override {
    if constexpr (requires { instrumentation_.labelled(its, label); }) {
      if (!label.empty()) instrumentation_.labelled(its, label);
    }
  }

  void started(job& one, record& its) noexcept override {
    leave_gate(one);
    instrumentation_.started(its);
  }
  void finished(record& its, bool failed) noexcept override {
    instrumentation_.finished(its, failed);
  }

  std::exception_ptr unstarted(job& one, [[maybe_unused]] record& its,
                               job::end why) noexcept override {
    std::exception_ptr error = error_of(why);
    leave_gate(one);
    if constexpr (requires { instrumentation_.unstarted(its, reason_of(why)); }) {
      instrumentation_.unstarted(its, reason_of(why));
    }
    return error;
  }

  void ended() noexcept override {
    outstanding_.add();
    outstanding_.jobs_ended(1);
    outstanding_.release();
  }

  [[nodiscard]] bool is_idle() const noexcept override { return outstanding_.idle(); }

  void when_idle(job& waiter) noexcept override { outstanding_.when_idle(waiter); }

  void add_work() noexcept override { outstanding_.add(); }
  void remove_work() noexcept override { outstanding_.release(); }

 private:
  static ComputeConfig validated(ComputeConfig config) {
    config.validate();
    if (!may_make_a_pool()) refuse_fork();
    return config;
  }

  [[noreturn]] static void refuse_fork() {
    throw std::system_error(make_error_code(errc::used_after_fork), "millrace::ComputePool");
  }
  [[noreturn]] void throw_used_after_fork() const override { refuse_fork(); }

  void leave_gate(job& one) noexcept {
    if (!one.gated) return;
    one.gated = false;
    typename pump::pushed admitted(pump_);
    gate_.left([&](job& next) { admitted.submit(next); });
  }

  void take_jobs_of(const void* home, job_batch& all) noexcept override {
    const auto comes_home = [=](job& one) { return one.home() == home; };
    take(comes_home, all);
    outstanding_.remove_waiters(comes_home, all);
  }

  // Parked ones first: removing queued ones lets others in.
  template <class Condition>
  void take(Condition condition, job_batch& all) noexcept {
    job_batch parked = gate_.remove_all(condition);
    job_batch queued = pump_.remove_all(condition);
    while (!parked.empty()) all.append(parked.pop());
    while (!queued.empty()) all.append(queued.pop());
  }

  [[no_unique_address]] Instrumentation instrumentation_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> posts_closed_{false};
  std::mutex left_mutex_;
  job_batch left_;
  gate gate_;
  std::once_flag timer_made_;
  std::unique_ptr<deadline_timer> timer_;
  outstanding_count outstanding_;
  workers workers_;
  pump pump_;
};

}  // namespace millrace::detail
