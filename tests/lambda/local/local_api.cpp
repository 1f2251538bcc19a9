#include "local_api.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include "lambda/support/await.hpp"

namespace lambda::testing {
namespace {

constexpr int bound_ms = 30'000;
constexpr std::chrono::milliseconds bound{bound_ms};

/// Reads up to a newline or the end.
std::string read_line(int fd) {
  std::string line;
  for (char c = 0;;) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, bound_ms) <= 0) throw std::runtime_error("no line in time: " + line);
    if (::read(fd, &c, 1) != 1 || c == '\n') return line;
    line += c;
  }
}

}  // namespace

LocalApi::LocalApi(const std::vector<std::string>& arguments) {
  std::array<int, 2> output{};
  std::array<int, 2> errors{};
  if (::pipe2(output.data(), O_CLOEXEC) != 0 || ::pipe2(errors.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  std::vector<std::string> command = {LOCAL_RUNTIME_API, "--port", "0"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(output[1], STDOUT_FILENO);
    ::dup2(errors[1], STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(output[1]);
  ::close(errors[1]);
  output_ = output[0];
  log_pipe_ = errors[0];
  log_reader_ = std::thread([this] { read_log(); });

  const std::string line = read_line(output_);
  const std::string greeting = "listening on ";
  if (line.starts_with(greeting + "http://127.0.0.1:")) url_ = line.substr(greeting.size());
}

const std::string& LocalApi::url() {
  if (!url_.empty()) return url_;
  std::unique_lock lock(mutex_);
  log_grown_.wait_for(lock, bound, [&] { return log_ended_; });
  throw std::runtime_error("local-runtime-api has ended before it listened: " + log_);
}

LocalApi::~LocalApi() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    try {
      static_cast<void>(wait());
    } catch (const std::exception&) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  log_reader_.join();
  ::close(output_);
  ::close(log_pipe_);
}

void LocalApi::read_log() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = ::read(log_pipe_, buffer.data(), buffer.size());
    const std::lock_guard lock(mutex_);
    if (n <= 0) {
      log_ended_ = true;
      log_grown_.notify_all();
      return;
    }
    log_.append(buffer.data(), static_cast<std::size_t>(n));
    log_grown_.notify_all();
  }
}

HttpResponse LocalApi::call(const std::string& method, const std::string& path,
                            const std::string& body, const HttpHeaders& headers) {
  asio::io_context context;
  HttpClient client(context.get_executor());
  HttpRequest request;
  request.method = method;
  request.url = url() + path;
  request.body = body;
  request.headers = headers;
  request.timeout = bound;
  return await(context, client.send(std::move(request)));
}

bool LocalApi::wait_for_log(const std::string& text, int count) {
  std::unique_lock lock(mutex_);
  const auto is_there = [&] {
    int found = 0;
    for (auto at = log_.find(text); at != std::string::npos; at = log_.find(text, at + 1)) ++found;
    return found >= count;
  };
  log_grown_.wait_for(lock, bound, [&] { return log_ended_ || is_there(); });
  return is_there();
}

std::string LocalApi::log() {
  const std::lock_guard lock(mutex_);
  return log_;
}

void LocalApi::signal(int number) const {
  ::kill(pid_, number);
}

std::string LocalApi::wait() {
  // Its standard output is open in nobody but the server: the end of it is the server's end.
  while (!read_line(output_).empty()) {
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                           : "signal " + std::to_string(WTERMSIG(status));
}

bool LocalApi::wait_until_all_ended() {
  std::unique_lock lock(mutex_);
  return log_grown_.wait_for(lock, bound, [&] { return log_ended_; });
}

}  // namespace lambda::testing
