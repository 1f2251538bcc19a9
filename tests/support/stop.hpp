#pragma once

#include <latch>
#include <stop_token>

namespace test {

// Returns when the job whose token this is has been told to stop.
inline void wait_for_stop(const std::stop_token& stop) {
  std::latch stopped(1);
  const std::stop_callback when_stopped(stop, [&] { stopped.count_down(); });
  stopped.wait();
}

}  // namespace test
