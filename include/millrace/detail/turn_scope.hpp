#pragma once

#include <atomic>
#include <utility>

namespace millrace::detail {

// A turn of a loop on this thread, in which handlers run one after the other and submit jobs. While
// it lasts a pump may hold jobs back, to push them with one atomic operation at the end.
//
// That is a lease: while the turn has it, it keeps the pool, which may take it back from any thread
// at any time. Who exchanges the holder for nothing has ended it, and is the one to see to what was
// held back. tests/model/lease.pml has the protocol.
class turn_scope {
 public:
  // Who holds jobs back until the end of the turn: a pump.
  class holder {
   public:
    // On the turn's thread, unless the holder has taken the lease back before.
    virtual void end_of_turn(turn_scope& turn) noexcept = 0;

   protected:
    ~holder() = default;
  };

  turn_scope() noexcept : outer_(std::exchange(current_, this)) {}
  ~turn_scope() {
    current_ = outer_;
    if (held_by() == nullptr) return;
    if (holder* const whose = holder_.exchange(nullptr, std::memory_order_acq_rel)) {
      whose->end_of_turn(*this);
    }
  }
  turn_scope(const turn_scope&) = delete;
  turn_scope& operator=(const turn_scope&) = delete;

  [[nodiscard]] static turn_scope* current() noexcept { return current_; }

  // Acquire: where the lease was taken back, who did so is done with the turn.
  [[nodiscard]] holder* held_by() const noexcept { return holder_.load(std::memory_order_acquire); }

  // The leases of one holder. Under its lock.
  class list {
   public:
    // On the turn's own thread; nobody holds anything for it.
    void add(turn_scope& turn, holder& whose) noexcept {
      turn.previous_ = nullptr;
      turn.next_ = first_;
      if (first_ != nullptr) first_->previous_ = &turn;
      first_ = &turn;
      turn.listed_ = true;
      turn.holder_.store(&whose, std::memory_order_release);
    }

    // A turn that has ended its lease itself.
    void remove(turn_scope& turn) noexcept {
      if (turn.listed_) unlink(turn);
    }

    // Takes all of them back, but those that are just ending. How many there were.
    [[nodiscard]] unsigned revoke_all(holder& whose) noexcept {
      unsigned revoked = 0;
      while (first_ != nullptr) {
        turn_scope& turn = *first_;
        unlink(turn);
        // The last that is touched: the turn may be gone when it finds nothing there.
        holder* expected = &whose;
        if (turn.holder_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel)) {
          ++revoked;
        }
      }
      return revoked;
    }

   private:
    void unlink(turn_scope& turn) noexcept {
      turn.listed_ = false;
      if (turn.next_ != nullptr) turn.next_->previous_ = turn.previous_;
      (turn.previous_ != nullptr ? turn.previous_->next_ : first_) = turn.next_;
    }

    turn_scope* first_ = nullptr;
  };

 private:
  [[gnu::visibility("default")]] static inline constinit thread_local turn_scope* current_ =
      nullptr;

  turn_scope* const outer_;
  std::atomic<holder*> holder_{nullptr};
  // Of the holder's list.
  turn_scope* next_ = nullptr;
  turn_scope* previous_ = nullptr;
  bool listed_ = false;
};

}  // namespace millrace::detail
