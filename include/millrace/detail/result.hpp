#pragma once

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace millrace::detail {

// Handed to a handler in place of a value that there isn't, when the value's type has no default.
// Asio's own handlers (use_awaitable, use_future, redirect_error ...) look at the exception first
// and never convert it. A callback that insists on the value gets the job's exception thrown
// where its parameter is made, which leaves the handler's run().
struct missing_value {
  std::exception_ptr error;

  template <class T>
  operator T() const {  // NOLINT: implicit, it stands for the value
    std::rethrow_exception(error);
  }
};

// What a job left behind: nothing yet, a value, or what it threw. T is an object type.
template <class T>
class job_result {
 public:
  job_result() noexcept {}
  job_result(job_result&& other) noexcept(std::is_nothrow_move_constructible_v<T>) {
    if (other.state_ == state::value) {
      ::new (static_cast<void*>(std::addressof(value_))) T(std::move(other.value_));
    } else if (other.state_ == state::error) {
      ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(other.error_));
    }
    state_ = other.state_;
  }
  job_result& operator=(job_result&&) = delete;
  ~job_result() { clear(); }

  // Runs `body(arguments...)` and keeps what it returns or throws. The value is built in place, so
  // it needs no default and is moved once, into the handler.
  template <class Body, class... Arguments>
  void capture(Body& body, const Arguments&... arguments) noexcept {
    try {
      ::new (static_cast<void*>(std::addressof(value_))) T(body(arguments...));
      state_ = state::value;
    } catch (...) {
      fail(std::current_exception());
    }
  }

  // Instead: what the body didn't get round to throw.
  void fail(std::exception_ptr error) noexcept {
    clear();
    ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(error));
    state_ = state::error;
  }

  [[nodiscard]] bool failed() const noexcept { return state_ == state::error; }

  // Calls `handler(exception_ptr, T)`.
  template <class Handler>
  void deliver(Handler&& handler) && {
    if (!failed()) {
      std::forward<Handler>(handler)(std::exception_ptr(), std::move(value_));
    } else if constexpr (std::is_default_constructible_v<T>) {
      std::forward<Handler>(handler)(std::move(error_), T());
    } else {
      const std::exception_ptr error = std::move(error_);
      std::forward<Handler>(handler)(error, missing_value{error});
    }
  }

  // Returns the value or throws what the job threw.
  T get() && {
    if (failed()) std::rethrow_exception(std::move(error_));
    return std::move(value_);
  }

 private:
  enum class state : unsigned char { nothing, value, error };

  void clear() noexcept {
    if (state_ == state::value) value_.~T();
    if (state_ == state::error) error_.~exception_ptr();
    state_ = state::nothing;
  }

  // By hand: a std::variant is a tenth of what a file compiles for its first operation.
  union {
    T value_;
    std::exception_ptr error_;
  };
  state state_ = state::nothing;
};

// The result, or what its type threw when it was to be moved.
template <class T>
[[nodiscard]] job_result<T> take_over(job_result<T>& from) noexcept {
  if constexpr (!std::is_nothrow_move_constructible_v<job_result<T>>) {
    try {
      return job_result<T>(std::move(from));
    } catch (...) {
      job_result<T> failed;
      failed.fail(std::current_exception());
      return failed;
    }
  } else {
    return job_result<T>(std::move(from));
  }
}

template <>
class job_result<void> {
 public:
  template <class Body, class... Arguments>
  void capture(Body& body, const Arguments&... arguments) noexcept {
    try {
      body(arguments...);
    } catch (...) {
      error_ = std::current_exception();
    }
  }

  void fail(std::exception_ptr error) noexcept { error_ = std::move(error); }

  [[nodiscard]] bool failed() const noexcept { return error_ != nullptr; }

  template <class Handler>
  void deliver(Handler&& handler) && {
    std::forward<Handler>(handler)(std::move(error_));
  }

  void get() && {
    if (error_) std::rethrow_exception(std::move(error_));
  }

 private:
  std::exception_ptr error_;
};

}  // namespace millrace::detail
