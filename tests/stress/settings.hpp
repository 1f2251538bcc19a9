#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#include "millrace/detail/spin_lock.hpp"

namespace stress {

// A number from the environment.
inline std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given == nullptr ? otherwise : std::stoull(given);
}

inline std::uint64_t seed() {
  return setting("MILLRACE_STRESS_SEED", 42);
}

// SplitMix64: small enough to have one per job, so that what a job does depends on the seed and its
// number only, and not on which thread comes first.
class Random {
 public:
  explicit Random(std::uint64_t state) : state_(state) {}

  std::uint64_t operator()() {
    std::uint64_t x = (state_ += 0x9e3779b97f4a7c15u);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  }

  // 0 to `end` - 1.
  std::uint32_t below(std::uint32_t end) {
    return static_cast<std::uint32_t>(((*this)() >> 32) * end >> 32);
  }
  bool percent(std::uint32_t chance) { return below(100) < chance; }

 private:
  std::uint64_t state_;
};

inline void pause(std::uint32_t times) {
  for (std::uint32_t i = 0; i < times; ++i) millrace::detail::spin_pause();
}

// Spins, but lets others have the core before long: they may be on this one.
inline void wait_for(const std::atomic<bool>& flag) {
  for (int tries = 0; !flag; ++tries) {
    if (tries < 200) {
      pause(1);
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace stress
