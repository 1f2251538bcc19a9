#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>

namespace millrace::detail {

inline constexpr std::size_t least_stack_size =
    128u << 10;  // below it oneTBB's frames in a job are tight
inline constexpr std::size_t most_stack_size = 1u << 30;    // beyond it a typing error is likelier
inline constexpr std::size_t kernel_thread_name_size = 15;  // TASK_COMM_LEN - 1, see prctl(2)

// More are a typing error rather than a wish; oneTBB draws the same line for its own threads.
[[nodiscard]] inline int most_threads() {
  const int by_hardware = 4 * static_cast<int>(std::thread::hardware_concurrency());
  return by_hardware > 256 ? by_hardware : 256;
}

[[nodiscard]] inline std::size_t thread_name_room(int threads) {
  const std::size_t digits = std::to_string(threads > 1 ? threads - 1 : 0).size();
  return kernel_thread_name_size - 1 - digits;
}

[[nodiscard]] inline std::string to_text(const std::string& value) {
  return value;
}
template <class Number>
[[nodiscard]] std::string to_text(Number value) {
  return std::to_string(value);
}

template <class Value>
void require(bool holds, const char* field, const Value& value, const std::string& right) {
  if (!holds) {
    throw std::invalid_argument(std::string("millrace::ComputeConfig: ") + field + " is " +
                                to_text(value) + ", must be " + right);
  }
}

}  // namespace millrace::detail
