#pragma once

#include <utility>

namespace test {

// A result that can be moved and nothing else.
struct NoDefault {
  explicit NoDefault(int number) : value(number) {}
  NoDefault(NoDefault&&) = default;
  NoDefault& operator=(NoDefault&&) = default;
  int value;
};

// Calls `action` when the last of its moves is destroyed.
template <class Action>
class AtEnd {
 public:
  explicit AtEnd(Action action) : action_(std::move(action)) {}
  AtEnd(AtEnd&& other) noexcept
      : action_(std::move(other.action_)), armed_(std::exchange(other.armed_, false)) {}
  AtEnd& operator=(AtEnd&&) = delete;
  ~AtEnd() {
    if (armed_) action_();
  }

 private:
  Action action_;
  bool armed_ = true;
};

}  // namespace test
