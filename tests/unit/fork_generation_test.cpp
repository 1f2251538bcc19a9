#include "millrace/detail/fork_generation.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

using millrace::detail::fork_generation;

TEST_CASE("a forked child is of another generation, its parent stays in its own") {
  const std::uint32_t mine = fork_generation();
  CHECK(fork_generation() == mine);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool next = fork_generation() == mine + 1;
    const pid_t grandchild = ::fork();
    if (grandchild == 0) ::_exit(fork_generation() == mine + 2 ? 0 : 1);
    int status = 1;
    ::waitpid(grandchild, &status, 0);
    ::_exit(next && grandchild > 0 && status == 0 ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(fork_generation() == mine);
}
