#pragma once

#include <exception>
#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

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
  // Runs `body(arguments...)` and keeps what it returns or throws. The value is built in place, so
  // it needs no default and is moved once, into the handler.
  template <class Body, class... Arguments>
  void capture(Body& body, const Arguments&... arguments) noexcept {
    auto call = [&]() -> decltype(auto) { return body(arguments...); };
    try {
      state_.template emplace<1>(in_place{call});
    } catch (...) {
      state_.template emplace<2>(std::current_exception());
    }
  }

  // Instead: what the body didn't get round to throw.
  void fail(std::exception_ptr error) noexcept { state_.template emplace<2>(std::move(error)); }

  [[nodiscard]] bool failed() const noexcept { return state_.index() == 2; }

  // Calls `handler(exception_ptr, T)`.
  template <class Handler>
  void deliver(Handler&& handler) && {
    if (!failed()) {
      std::forward<Handler>(handler)(std::exception_ptr(), std::get<1>(std::move(state_)).value);
    } else if constexpr (std::is_default_constructible_v<T>) {
      std::forward<Handler>(handler)(std::get<2>(std::move(state_)), T());
    } else {
      const std::exception_ptr error = std::get<2>(std::move(state_));
      std::forward<Handler>(handler)(error, missing_value{error});
    }
  }

  // Returns the value or throws what the job threw.
  T get() && {
    if (failed()) std::rethrow_exception(std::get<2>(std::move(state_)));
    return std::get<1>(std::move(state_)).value;
  }

 private:
  template <class Body>
  struct in_place {
    Body& body;
  };
  template <class Body>
  in_place(Body&) -> in_place<Body>;

  struct holder {
    template <class Body>
    explicit holder(in_place<Body> from) : value(from.body()) {}
    T value;
  };

  std::variant<std::monostate, holder, std::exception_ptr> state_;
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
