// What holds where a process may not lower a nice value again: one scenario per process, because
// the process gives up that right first.
//
// usage: nice_program SCENARIO
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include "millrace/compute_pool.hpp"

namespace {

using millrace::ComputePool;

constexpr int skipped = 77;

void check(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

int own_nice() {
  return ::getpriority(PRIO_PROCESS, 0);
}

void give_up_privileges() {
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, 0));  // as far as it may
  const rlimit none{0, 0};
  check(::setrlimit(RLIMIT_NICE, &none) == 0, "setrlimit");
  if (::geteuid() == 0) check(::setresuid(65534, 65534, 65534) == 0, "setresuid");
  // Which setresuid took away; LeakSanitizer looks into its own process.
  check(::prctl(PR_SET_DUMPABLE, 1) == 0, "prctl");
}

int nice_in(ComputePool<>& pool) {
  return pool.execute_sync([] { return own_nice(); });
}

std::string refusal(int nice) {
  try {
    const ComputePool refused({.threads = 1, .nice = nice});
  } catch (const std::system_error& error) {
    check(error.code() == millrace::errc::placement_refused, "another error");
    return error.what();
  }
  throw std::runtime_error("nice " + std::to_string(nice) + " was accepted");
}

// Whatever other pools have, before, meanwhile and afterwards.
void each_its_own() {
  const int own = own_nice();
  ComputePool plain({.threads = 1});
  {
    ComputePool five({.threads = 1, .nice = 5});
    ComputePool three({.threads = 1, .nice = 3});
    check(nice_in(five) == own + 5, "not 5");
    check(nice_in(three) == own + 3, "not 3");
    check(nice_in(plain) == own, "the plain pool's workers");
  }
  ComputePool four({.threads = 2, .nice = 4});
  check(nice_in(four) == own + 4, "not 4");
  check(own_nice() == own, "this thread's own");
}

void below_zero() {
  check(refusal(-1).find("nice is -1, must be at least 0: less needs") != std::string::npos,
        refusal(-1));
  ComputePool plain({.threads = 1});
  check(nice_in(plain) == own_nice(), "the plain pool's workers");
}

void out_of_range() {
  check(::setpriority(PRIO_PROCESS, 0, 15) == 0, "setpriority");
  check(refusal(5).find("nice is 5, must be -20 to 4, as") != std::string::npos, refusal(5));
}

}  // namespace

int main(int count, char** arguments) {
  const std::string scenario = count == 2 ? arguments[1] : "";
  try {
    give_up_privileges();
    if (own_nice() > 10) {
      std::fputs("skipped: its own nice value leaves no room for what the scenarios add\n", stderr);
      return skipped;
    }
    if (scenario == "each_its_own")
      each_its_own();
    else if (scenario == "below_zero")
      below_zero();
    else if (scenario == "out_of_range")
      out_of_range();
    else
      throw std::invalid_argument("no such scenario");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nice_program %s: %s\n", scenario.c_str(), error.what());
    return 1;
  }
  return 0;
}
