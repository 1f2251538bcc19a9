#include "supervisor.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

namespace lambda::local {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// Between fork and exec: only calls that are safe after a signal.
[[noreturn]] void become(pid_t parent, const char* program, char** command, char** environment) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  // Asio ignores SIGPIPE, and what is ignored stays so through exec.
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  // Asio's sockets are not close-on-exec; the program must not hold our port.
  if (::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0U) != 0) {
    for (int fd = STDERR_FILENO + 1; fd < 1024; ++fd) ::close(fd);
  }
  ::execve(program, command, environment);
  // The C library's descriptions, as they are there without a lock, unlike strerror's.
  const char* const why = ::strerrordesc_np(errno);
  for (const char* part : {"local-runtime-api: cannot execute ", program, ": ", why, "\n"}) {
    [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, part, std::strlen(part));
  }
  ::_exit(127);
}

}  // namespace

std::string describe_exit(int status) {
  if (WIFSIGNALED(status)) {
    std::string name = ::strsignal(WTERMSIG(status));  // NOLINT(concurrency-mt-unsafe)
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return "signal: " + name;
  }
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

Supervisor::Supervisor(asio::io_context& context, std::string program,
                       std::vector<std::string> command, std::vector<std::string> environment,
                       SupervisorHooks hooks)
    : program_(std::move(program)),
      command_(std::move(command)),
      environment_(std::move(environment)),
      hooks_(std::move(hooks)),
      child_signal_(context, SIGCHLD),
      timer_(context) {
  watch();
}

Supervisor::~Supervisor() {
  if (!pid_) return;
  ::kill(-*pid_, SIGKILL);
  ::waitpid(*pid_, nullptr, 0);
}

void Supervisor::start() {
  const std::vector<char*> command = pointers(command_);
  const std::vector<char*> environment = pointers(environment_);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    become(parent, program_.c_str(), const_cast<char**>(command.data()),
           const_cast<char**>(environment.data()));
  }
  // In both processes, because either may come first.
  ::setpgid(child, child);
  pid_ = child;
  doomed_ = false;
  hooks_.started();
}

void Supervisor::kill() {
  if (!pid_) return;
  doomed_ = true;
  ::kill(-*pid_, SIGKILL);
}

void Supervisor::stop(bool warn, std::function<void()> done) {
  stopped_ = std::move(done);
  if (!pid_) {
    stopping_ = true;
    timer_.cancel();
    stopped_();
    return;
  }
  ::kill(-*pid_, warn && !stopping_ ? SIGTERM : SIGKILL);
  doomed_ = true;
  stopping_ = true;
  timer_.expires_after(std::chrono::milliseconds(500));
  timer_.async_wait([this](const std::error_code& error) {
    if (!error) kill();
  });
}

void Supervisor::watch() {
  child_signal_.async_wait([this](const std::error_code& error, int) {
    if (error) return;
    watch();
    reap();
  });
}

void Supervisor::reap() {
  if (!pid_) return;
  // Look before reaping: as long as the process is a zombie, its id, which is also its group's,
  // belongs to nobody else, and what it has left behind can be killed safely.
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(*pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0) {
    return;
  }
  ::kill(-*pid_, SIGKILL);
  int status = 0;
  ::waitpid(*pid_, &status, 0);
  pid_.reset();
  hooks_.exited(describe_exit(status));
  if (stopping_) {
    timer_.cancel();
    stopped_();
  } else {
    restart_later();
  }
}

void Supervisor::restart_later() {
  timer_.expires_after(delay_);
  delay_ = std::min(longest_delay, delay_ * 2);
  timer_.async_wait([this](const std::error_code& error) {
    if (!error && !stopping_) start();
  });
}

std::optional<std::uint64_t> Supervisor::peak_memory_kb() const {
  if (!pid_) return std::nullopt;
  std::ifstream status("/proc/" + std::to_string(*pid_) + "/status");
  for (std::string word; status >> word;) {
    std::uint64_t kb = 0;
    if (word == "VmHWM:" && status >> kb) return kb;
  }
  return std::nullopt;
}

}  // namespace lambda::local
