#include "millrace/config.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/catch.hpp"

using millrace::ComputeConfig;

namespace {

std::string refusal(const ComputeConfig& config) {
  try {
    config.validate();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

const std::string prefix = "millrace::ComputeConfig: ";

}  // namespace

TEST_CASE("the default configuration is valid and uses what the process may use [P43]") {
  const ComputeConfig config;
  CHECK(refusal(config) == "accepted");
  CHECK(config.threads == millrace::usable_cpus());
  CHECK(config.threads >= 1);
}

TEST_CASE("threads out of range is refused by name and value [P43]") {
  const std::string most = std::to_string(std::max(256u, 4 * std::thread::hardware_concurrency()));
  CHECK(refusal({.threads = 0}) == prefix + "threads is 0, must be 1 to " + most);
  CHECK(refusal({.threads = -3}) == prefix + "threads is -3, must be 1 to " + most);
  CHECK(refusal({.threads = 1'000'000}) == prefix + "threads is 1000000, must be 1 to " + most);
  CHECK(refusal({.threads = 256}) == "accepted");
}

TEST_CASE("a thread name that Linux would cut is refused by name and value [P43]") {
  CHECK(refusal({.threads = 10, .thread_name = "thirteenbytes"}) == "accepted");
  CHECK(
      refusal({.threads = 11, .thread_name = "thirteenbytes"}) ==
      prefix +
          "thread_name is \"thirteenbytes\", must be 1 to 12 bytes, so that the index still fits");
  CHECK(refusal({.threads = 1, .thread_name = ""}) ==
        prefix + "thread_name is \"\", must be 1 to 13 bytes, so that the index still fits");
  CHECK(refusal({.threads = 1, .thread_name = std::string("a\0b", 3)}) ==
        prefix + "thread_name is \"a\\0...\", must be no NUL byte");
}

TEST_CASE("the longest accepted thread name is one that the system takes [P43]") {
  const std::string longest = std::string(13, 'n') + "-9";
  std::thread thread([&] { CHECK(::pthread_setname_np(::pthread_self(), longest.c_str()) == 0); });
  thread.join();
}

TEST_CASE("a stack size out of range is refused by name and value [P43]") {
  const std::string right = ", must be 0 (the system's default) or 131072 to 1073741824 bytes";
  CHECK(refusal({.stack_size = 131071}) == prefix + "stack_size is 131071" + right);
  CHECK(refusal({.stack_size = 1}) == prefix + "stack_size is 1" + right);
  CHECK(refusal({.stack_size = (1u << 30) + 1}) == prefix + "stack_size is 1073741825" + right);
  CHECK(refusal({.stack_size = 131072}) == "accepted");
  CHECK(refusal({.stack_size = 0}) == "accepted");
}

TEST_CASE("a slow_job threshold that every job would reach is refused [P43]") {
  using namespace std::chrono_literals;
  CHECK(refusal({.slow_job = 0ns}) == prefix + "slow_job is 0, must be more than 0 ns");
  CHECK(refusal({.slow_job = -1ms}) == prefix + "slow_job is -1000000, must be more than 0 ns");
  CHECK(refusal({.slow_job = 1ns}) == "accepted");
}

TEST_CASE("an idle_spin out of range is refused by name and value [P43]") {
  using namespace std::chrono_literals;
  CHECK(refusal({.idle_spin = -1ns}) == prefix + "idle_spin is -1, must be 0 to 1000000000 ns");
  CHECK(refusal({.idle_spin = 2s}) ==
        prefix + "idle_spin is 2000000000, must be 0 to 1000000000 ns");
  CHECK(refusal({.idle_spin = 0ns}) == "accepted");
}

TEST_CASE("an overflow that isn't one of the two is refused by name and value [P43]") {
  using millrace::Overflow;
  const std::string right = ", must be Overflow::wait (0) or Overflow::reject (1)";
  CHECK(refusal({.overflow = static_cast<Overflow>(2)}) == prefix + "overflow is 2" + right);
  CHECK(refusal({.overflow = static_cast<Overflow>(-1)}) == prefix + "overflow is -1" + right);
  CHECK(refusal({.overflow = Overflow::wait}) == "accepted");
  CHECK(refusal({.overflow = Overflow::reject}) == "accepted");
}

TEST_CASE("max_pending may be any number, and is none by default [P43]") {
  const ComputeConfig config;
  CHECK(config.max_pending == 0);
  CHECK(config.overflow == millrace::Overflow::wait);
  CHECK(refusal({.max_pending = 1}) == "accepted");
  CHECK(refusal({.max_pending = static_cast<std::size_t>(-1)}) == "accepted");
}
