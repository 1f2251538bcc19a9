#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "millrace/config.hpp"
#include "millrace/detail/arena.hpp"
#include "millrace/detail/block_cache.hpp"
#include "millrace/detail/consumers.hpp"
#include "millrace/detail/crew.hpp"
#include "millrace/detail/helpers.hpp"
#include "millrace/detail/native_thread.hpp"
#include "millrace/detail/owned.hpp"
#include "millrace/detail/placement.hpp"
#include "millrace/detail/worker_frame.hpp"

namespace millrace::detail {

// The threads of one pool: those that run its jobs, and those that help where a job forks. Each
// starts when it is first needed, with its name, stack, CPUs and nice value, and without signals.
//
// `Errand` is what a worker does each time that it is called: a noexcept function object.
template <class Errand>
class workers final : private crew::duty {
 public:
  // Throws std::system_error with errc::placement_refused, and std::bad_alloc.
  workers(const ComputeConfig& config, pool_id whose, Errand what)
      : pool_(whose),
        errand_(what),
        many_(static_cast<std::size_t>(config.threads)),
        name_(config.thread_name),
        places_(placement_of(config), config.threads),
        on_call_(static_cast<std::uint32_t>(config.threads)),
        helpers_(many_, on_call_),
        crew_(*this, many_, config.stack_size) {
    while (arenas_.size() < many_) {
      arenas_.push_back(std::make_unique<own_arena>(config.threads));
    }
    if (many_ == 1) return;
    helping_ = std::make_unique<helping>(*this, many_ - 1, config.stack_size);
    helpers_.set_up(helping_->seats.get(), helping_->threads);
  }

  // After stop() or abandon().
  ~workers() = default;
  workers(const workers&) = delete;
  workers& operator=(const workers&) = delete;

  // Who of the workers was called, and why; whoever calls has asked this.
  [[nodiscard]] consumers& on_call() noexcept { return on_call_; }

  // Throws std::system_error where there can be no thread.
  void call() { crew_.call(); }

  // A worker has come for jobs, or found no more.
  void came() noexcept { helpers_.worker_came(); }
  void left() noexcept { helpers_.worker_left(); }

  // On another thread of the pool: what it is called, and where it runs.
  void begin_timer() noexcept {
    name_this_thread('~', 0);
    places_.take(-1);
  }

  // Without jobs.
  void stop() noexcept {
    crew_.stop();
    if (helping_ != nullptr) helping_->threads.stop();
  }
  // In a forked child.
  void abandon() noexcept {
    crew_.abandon();
    static_cast<void>(helping_.release());
    for (auto& each : arenas_) static_cast<void>(each.release());
  }

 private:
  // A type of this template's own: what the standard library makes of it is compiled no earlier.
  struct own_arena final : worker_arena {
    using worker_arena::worker_arena;
  };

  struct helping final : crew::duty {
    helping(workers& whose, std::size_t many, std::size_t stack_size)
        : all_workers(whose), threads(*this, many, stack_size), seats(new helpers::seat[many]) {}

    void live(std::size_t index, crew::shifts all) noexcept override {
      all_workers.begin_life('+', index, nullptr);
      all();
    }
    void work(std::size_t index) noexcept override { all_workers.helpers_.help(index); }

    workers& all_workers;
    crew threads;
    owned<helpers::seat[]> seats;
  };

  // A worker's whole life is in its arena: oneTBB's algorithms in a job find it without more ado.
  void live(std::size_t index, crew::shifts all) noexcept override {
    worker_arena& mine = *arenas_[index];
    begin_life('-', index, &mine);
    bool entered = false;
    try {
      mine.enter([&] {
        entered = true;
        all();
      });
    } catch (const std::bad_alloc&) {
      if (entered) return;
      fork_place_of_this_thread() = {};  // no helpers: they couldn't meet it
      all();
    }
  }
  void work(std::size_t) noexcept override { errand_(); }

  void begin_life(char kind, std::size_t index, worker_arena* arena) noexcept {
    block_cache::prepare();
    frame_of_this_thread().pool = pool_;
    fork_place_of_this_thread() = {&helpers_, arena, many_ - 1};
    name_this_thread(kind, index);
    places_.take(kind == '-' ? static_cast<int>(index) : -1);
  }

  // Fits: ComputeConfig::validate has measured the longest.
  void name_this_thread(char kind, std::size_t index) noexcept {
    try {
      native_thread::name_this((name_ + kind + std::to_string(index)).c_str());
    } catch (const std::bad_alloc&) {  // then it has its maker's
    }
  }

  const pool_id pool_;
  const Errand errand_;
  const std::size_t many_;
  const std::string name_;
  worker_places places_;
  alignas(64) consumers on_call_;
  alignas(64) helpers helpers_;
  std::vector<std::unique_ptr<own_arena>> arenas_;  // of each worker
  crew crew_;
  std::unique_ptr<helping> helping_;  // where there are several workers
};

}  // namespace millrace::detail
