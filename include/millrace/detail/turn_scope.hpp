#pragma once

namespace millrace::detail {

// A turn of a loop on this thread, in which handlers run one after the other and submit jobs. While
// it lasts a pump may hold jobs back, to push them with one atomic operation at the end.
class turn_scope {
 public:
  // Who holds jobs back until the end of the turn: a pump.
  class holder {
   public:
    virtual void end_of_turn() noexcept = 0;

   protected:
    ~holder() = default;
  };

  turn_scope() noexcept : outer_(current_) { current_ = this; }
  ~turn_scope() {
    current_ = outer_;
    if (holder_ != nullptr) holder_->end_of_turn();
  }
  turn_scope(const turn_scope&) = delete;
  turn_scope& operator=(const turn_scope&) = delete;

  [[nodiscard]] static turn_scope* current() noexcept { return current_; }

  [[nodiscard]] holder* held_by() const noexcept { return holder_; }
  void hold_for(holder& whom) noexcept { holder_ = &whom; }

 private:
  static inline thread_local turn_scope* current_ = nullptr;

  turn_scope* const outer_;
  holder* holder_ = nullptr;
};

}  // namespace millrace::detail
