#pragma once

#include <asio/error.hpp>
#include <concepts>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace test {

// What an operation completed with: none if there is no error, EIO for what isn't the pool's, a
// job's own exception say.
inline std::error_code code_of(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code();
  } catch (...) {
    return std::make_error_code(std::errc::io_error);
  }
  return {};
}

// The same for a call that throws it.
template <std::invocable Call>
std::error_code code_of(Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (...) {
    return code_of(std::current_exception());
  }
  return {};
}

inline bool aborted(const std::exception_ptr& error) {
  return code_of(error) == asio::error::operation_aborted;
}

// Gives others every chance to do what they must not do yet, so that a test sees it if they do.
template <class Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 20'000; ++i) {
    if (condition()) return true;
    std::this_thread::yield();
  }
  return false;
}

}  // namespace test
