// What the other tests of this folder rely on: peers answer, and leave nothing behind.
#include "peer.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using lambda::testing::Peer;
using nlohmann::json;

namespace {

/// A process that somebody else started.
class Watched {
 public:
  // Not by <sys/pidfd.h>: glibc 2.36 declares it for C only.
  explicit Watched(pid_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Watched() { ::close(fd_); }
  Watched(Watched&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  [[nodiscard]] bool there() const { return fd_ >= 0; }
  [[nodiscard]] bool ends() const {
    pollfd ended{fd_, POLLIN, 0};
    if (::poll(&ended, 1, 30'000) != 1) return false;
    siginfo_t ignored{};
    ::waitid(P_PIDFD, static_cast<id_t>(fd_), &ignored, WEXITED);  // if it was left to us
    return true;
  }

 private:
  int fd_;
};

std::vector<Watched> children_of(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::ifstream file(process + "/task/" + std::to_string(pid) + "/children");
  std::vector<Watched> children;
  for (pid_t child = 0; file >> child;) children.emplace_back(child);
  return children;
}

/// From now on this process is left the children of those of its children that end.
void adopt_orphans() {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
}

bool is_empty(const std::string& folder) {
  return std::filesystem::is_empty(folder);
}

}  // namespace

TEST_CASE("a peer ends with its object and leaves no files") {
  const test::TemporaryDirectory directory;
  const std::string folder = directory.file("");
  std::vector<Watched> servers;
  {
    const Peer swift({"swift_peer.py"}, {"TMPDIR=" + folder});
    CHECK_THAT(swift.endpoint(), Catch::StartsWith("http://127.0.0.1:"));
    CHECK_FALSE(is_empty(folder));
    servers = children_of(swift.pid());
    CHECK(servers.size() == 4);
  }
  for (const Watched& server : servers) CHECK(server.ends());
  CHECK(is_empty(folder));
}

TEST_CASE("a peer ends and cleans up when the process that started it is killed") {
  adopt_orphans();
  const test::TemporaryDirectory directory;
  const std::string folder = directory.file("");
  std::array<int, 2> told{};
  REQUIRE(::pipe(told.data()) == 0);
  const pid_t starter = ::fork();
  REQUIRE(starter >= 0);
  if (starter == 0) {
    const Peer swift({"swift_peer.py"}, {"TMPDIR=" + folder});
    const pid_t pid = swift.pid();
    static_cast<void>(!::write(told[1], &pid, sizeof pid));
    for (;;) ::pause();
  }
  pid_t pid = 0;
  REQUIRE(::read(told[0], &pid, sizeof pid) == sizeof pid);
  const Watched swift(pid);
  REQUIRE(swift.there());
  const std::vector<Watched> servers = children_of(pid);
  CHECK(servers.size() == 4);

  ::kill(starter, SIGKILL);
  ::waitpid(starter, nullptr, 0);
  CHECK(swift.ends());
  for (const Watched& server : servers) CHECK(server.ends());
  CHECK(is_empty(folder));
  ::close(told[0]);
  ::close(told[1]);
}

TEST_CASE("a peer that is killed takes its servers with it") {
  adopt_orphans();
  const test::TemporaryDirectory directory;
  const Peer swift({"swift_peer.py"}, {"TMPDIR=" + directory.file("")});
  const std::vector<Watched> servers = children_of(swift.pid());
  CHECK(servers.size() == 4);
  ::kill(swift.pid(), SIGKILL);
  for (const Watched& server : servers) CHECK(server.ends());
}

TEST_CASE("a peer ends on a signal") {
  const Peer proxy({"fault_proxy.py", "--upstream", "http://127.0.0.1:1"});
  const Watched watched(proxy.pid());
  ::kill(proxy.pid(), SIGTERM);
  CHECK(watched.ends());
}

TEST_CASE("a peer that can't start is an exception") {
  CHECK_THROWS_WITH(Peer({"fault_proxy.py", "--upstream", "nowhere"}), "fault_proxy.py has ended");
  CHECK_THROWS_WITH(Peer({"no_such_peer.py"}), "no_such_peer.py has ended");
}

TEST_CASE("a peer is asked by lines and by signals") {
  Peer proxy({"fault_proxy.py", "--upstream", "http://127.0.0.1:1"});
  CHECK(proxy.ask_by_signal(SIGUSR1).at("requests") == 0);
}

TEST_CASE("a peer of npm packages is asked by lines") {
  Peer sdk({"aws_sdk.mjs"});
  CHECK(sdk.ask({"s3", "nothing"}) == json{{"error", "UnknownCommand"}, {"message", "s3 nothing"}});
}
