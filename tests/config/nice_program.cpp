// What holds where a process may not lower a nice value again: one scenario per process, because
// what such a process has given its threads stays.
//
// usage: nice_program SCENARIO
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <latch>
#include <stdexcept>
#include <string>
#include <system_error>

#include "millrace/detail/arena.hpp"

namespace {

using millrace::detail::arena;

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

int nice_in(arena& workers) {
  int nice = 0;
  std::latch done(1);
  workers.call([&] {
    nice = own_nice();
    done.count_down();
  });
  done.wait();
  return nice;
}

std::string refusal(int nice) {
  try {
    const arena refused(1, 0, "refused", {.cpus = {}, .nice = nice});
  } catch (const std::system_error& error) {
    check(error.code() == millrace::errc::placement_refused, "another error");
    return error.what();
  }
  throw std::runtime_error("nice " + std::to_string(nice) + " was accepted");
}

void all_the_same() {
  const int own = own_nice();
  {
    arena one(1, 0, "one", {.cpus = {}, .nice = 5});
    arena two(1, 0, "two", {.cpus = {}, .nice = 5});
    check(nice_in(one) == own + 5 && nice_in(two) == own + 5, "not 5");
  }
  arena three(2, 0, "three", {.cpus = {}, .nice = 5});
  check(nice_in(three) == own + 5, "not 5 again");
  check(own_nice() == own, "this thread's own");
}

void another_afterwards() {
  {
    arena nice(1, 0, "nice", {.cpus = {}, .nice = 5});
    nice_in(nice);
  }
  for (const int other : {0, 4, 6}) {
    check(refusal(other).find("nice is " + std::to_string(other) +
                              ", must be 5: without CAP_SYS_NICE") != std::string::npos,
          refusal(other));
  }
}

void another_before() {
  const int own = own_nice();
  {
    arena plain(1, 0, "plain");
    check(refusal(5).find("nice is 5, must be 0: without") != std::string::npos, refusal(5));
    check(nice_in(plain) == own, "the plain pool's workers");
  }
  arena nice(1, 0, "nice", {.cpus = {}, .nice = 5});
  check(nice_in(nice) == own + 5, "not 5");
}

void below_zero() {
  check(refusal(-1).find("nice is -1, must be at least 0: less needs") != std::string::npos,
        refusal(-1));
  arena plain(1, 0, "plain");
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
    if (own_nice() > 10) return skipped;  // no room for what the scenarios add
    if (scenario == "all_the_same")
      all_the_same();
    else if (scenario == "another_afterwards")
      another_afterwards();
    else if (scenario == "another_before")
      another_before();
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
