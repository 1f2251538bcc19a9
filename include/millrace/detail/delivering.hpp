#pragma once

#include <utility>

namespace millrace::detail {

// The calling thread is handing an operation to its handler's executor. Where that is the pool's
// own, a pool that goes waits for it: the operation is its promise, unlike what its users post.
class delivering {
 public:
  delivering() noexcept : outer_(std::exchange(flag(), true)) {}
  ~delivering() { flag() = outer_; }
  delivering(const delivering&) = delete;
  delivering& operator=(const delivering&) = delete;

  [[nodiscard]] static bool now() noexcept { return flag(); }

 private:
  [[gnu::visibility("default")]] static bool& flag() noexcept {
    static constinit thread_local bool on_this_thread = false;
    return on_this_thread;
  }

  const bool outer_;
};

}  // namespace millrace::detail
