#include "millrace/detail/arena.hpp"

#include <pthread.h>

#include <latch>
#include <optional>
#include <string>
#include <system_error>

#include "support/catch.hpp"

namespace detail = millrace::detail;

namespace {

template <class Action>
void run_on(detail::arena& arena, Action action) {
  std::latch done(1);
  arena.call([&] {
    action();
    done.count_down();
  });
  done.wait();
}

std::size_t allowed() {
  return oneapi::tbb::global_control::active_value(
      oneapi::tbb::global_control::max_allowed_parallelism);
}

}  // namespace

TEST_CASE("workers are named after the pool and know it") {
  detail::arena arena(1, 0, "mill");
  char name[16] = {};
  bool inside = false;
  run_on(arena, [&] {
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    inside = detail::works_for(arena.id());
  });
  CHECK(std::string(name) == "mill-0");
  CHECK(inside);
  CHECK_FALSE(detail::works_for(arena.id()));
}

TEST_CASE("arenas share one process-wide limit, which goes with the last") {
  const std::size_t before = allowed();
  {
    const detail::arena one(2, 0, "one");
    CHECK(allowed() == 3);
    {
      const detail::arena two(3, 0, "two");
      CHECK(allowed() == 6);
    }
    CHECK(allowed() == 3);
  }
  CHECK(allowed() == before);
}

TEST_CASE("a foreign limit that leaves too few workers is an error, not a slow pool [P37]") {
  const oneapi::tbb::global_control foreign(oneapi::tbb::global_control::max_allowed_parallelism,
                                            2);
  const detail::arena fits(1, 0, "fits");
  std::error_code code;
  std::string message;
  try {
    const detail::arena refused(1, 0, "refused");
  } catch (const std::system_error& error) {
    code = error.code();
    message = error.what();
  }
  CHECK(code == millrace::errc::worker_limit);
  CHECK(message.find("threads is 1, but a tbb::global_control of this process sets "
                     "max_allowed_parallelism to 2; it must be at least 3") != std::string::npos);
}

TEST_CASE("an arena that was refused leaves the limit as it was [P37]") {
  const std::size_t before = allowed();
  {
    const oneapi::tbb::global_control foreign(oneapi::tbb::global_control::max_allowed_parallelism,
                                              2);
    CHECK_THROWS_AS(detail::arena(5, 0, "refused"), std::system_error);
  }
  CHECK(allowed() == before);
}

TEST_CASE("a stack that can't be had any more is refused") {
  {
    // The threads exist from here on, with the system's default of some MiB.
    detail::arena first(1, 0, "first");
    run_on(first, [] {});
    std::error_code code;
    try {
      const detail::arena second(1, 1u << 30, "second");
    } catch (const std::system_error& error) {
      code = error.code();
    }
    CHECK(code == millrace::errc::stack_size_fixed);
    CHECK_NOTHROW(detail::arena(1, 128u << 10, "smaller"));
  }
}
