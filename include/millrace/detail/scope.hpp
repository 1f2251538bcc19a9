#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <type_traits>
#include <utility>

#include "millrace/detail/arena.hpp"
#include "millrace/detail/helpers.hpp"
#include "millrace/detail/owned.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

// In which order the children of a scope run where one worker runs several of them.
enum class spawn_order { lifo, fifo };

// A child that waits for its turn in a scope with spawn_order::fifo.
class queued_child {
 public:
  virtual ~queued_child() = default;
  virtual void run() noexcept = 0;

  owned<queued_child> next;
};

// The children of one scope and the first exception among them.
class scope_state {
 public:
  scope_state(spawn_order order, region& forks) noexcept : order_(order), forks_(forks) {}

  // `child` is a noexcept callable, run once.
  template <class Child>
  void spawn(Child&& child) {
    if (order_ == spawn_order::lifo) {
      children_.run([this, child = std::forward<Child>(child)]() mutable { run_child(child); });
    } else {
      spawn_queued(
          owned<queued_child>(new queued<std::decay_t<Child>>(*this, std::forward<Child>(child))));
    }
    forks_.forked();
  }

  void wait() { children_.wait(); }

  // Throws if the caller is a child of this scope, which would wait for itself.
  void wait_from_body() {
    if (running_child_of_ == this) {
      throw std::system_error(make_error_code(errc::would_deadlock),
                              "millrace::Scope::wait, called by a child of the scope");
    }
    wait();
  }

  void keep_first(std::exception_ptr error) noexcept {
    if (!failed_.exchange(true, std::memory_order_relaxed)) error_ = std::move(error);
  }

  // After wait(), which orders the write of the error before this.
  void rethrow_first() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  template <class Child>
  class queued final : public queued_child {
   public:
    template <class C>
    queued(scope_state& scope, C&& child) : scope_(scope), child_(std::forward<C>(child)) {}
    void run() noexcept override { scope_.run_child(child_); }

   private:
    scope_state& scope_;
    Child child_;
  };

  template <class Child>
  void run_child(Child& child) noexcept {
    const scope_state* const before = std::exchange(running_child_of_, this);
    child();
    running_child_of_ = before;
  }

  // A worker takes the newest task first, so each task is but a ticket for the oldest child: the
  // way rayon's ScopeFifo gets its order. Both under the lock, so that tickets and children match
  // even when the ticket can't be allocated.
  void spawn_queued(owned<queued_child> child) {
    const std::lock_guard lock(mutex_);
    children_.run([this] { run_oldest(); });  // which needs the lock, too
    queued_child* const last = child.get();
    (newest_ == nullptr ? oldest_ : newest_->next) = std::move(child);
    newest_ = last;
  }

  void run_oldest() noexcept {
    owned<queued_child> child;
    {
      const std::lock_guard lock(mutex_);
      child = std::move(oldest_);
      oldest_ = std::move(child->next);
      if (!oldest_) newest_ = nullptr;
    }
    child->run();
  }

  static inline thread_local const scope_state* running_child_of_ = nullptr;

  const spawn_order order_;
  region& forks_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
  std::mutex mutex_;
  owned<queued_child> oldest_;
  queued_child* newest_ = nullptr;
  fork_group children_;  // last: its destructor waits for children, who use all of the above
};

}  // namespace millrace::detail
