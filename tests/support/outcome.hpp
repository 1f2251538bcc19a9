#pragma once

#include <exception>
#include <system_error>
#include <thread>

namespace test {

// What an operation completed with: none if there is no error; a job's own exception is left to the
// caller of the handler.
inline std::error_code code_of(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    return e.code();
  }
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
