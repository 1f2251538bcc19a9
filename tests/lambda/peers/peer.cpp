#include "peer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

namespace lambda::testing {
namespace {

constexpr int bound_ms = 60'000;

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

/// This process's environment with `changes` in it.
std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
  std::vector<std::string> result = changes;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('=') + 1);
    bool changed = false;
    for (const std::string& change : changes) changed = changed || change.starts_with(name);
    if (!changed) result.push_back(text);
  }
  return result;
}

}  // namespace

Peer::Peer(const std::vector<std::string>& command, const std::vector<std::string>& environment)
    : name_(command.at(0)) {
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  // A socket, as writing to a pipe that nobody reads any more would be a signal.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input.data()) != 0 ||
      ::pipe2(output.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  std::vector<std::string> words = command;
  words[0] = PEERS_FOLDER "/" + words[0];
  std::vector<std::string> variables = environment_with(environment);
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(variables);

  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) {
    ::dup2(input[0], STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(input[0]);
  ::close(output[1]);
  input_ = input[1];
  output_ = output[0];
  try {
    hello_ = read_line();
  } catch (...) {
    stop();
    throw;
  }
}

Peer::~Peer() {
  stop();
}

void Peer::stop() noexcept {
  ::close(input_);
  // Whatever it still says, up to its end.
  std::array<char, 4096> ignored{};
  pollfd ready{output_, POLLIN, 0};
  bool ended = false;
  while (!ended && ::poll(&ready, 1, bound_ms) > 0) {
    ended = ::read(output_, ignored.data(), ignored.size()) <= 0;
  }
  if (!ended) ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(output_);
}

nlohmann::json Peer::read_line() {
  std::size_t end = 0;
  while ((end = read_ahead_.find('\n')) == std::string::npos) {
    std::array<char, 65536> buffer{};
    pollfd ready{output_, POLLIN, 0};
    if (::poll(&ready, 1, bound_ms) <= 0) throw std::runtime_error(name_ + ": no line in time");
    const ssize_t n = ::read(output_, buffer.data(), buffer.size());
    if (n <= 0) throw std::runtime_error(name_ + " has ended");
    read_ahead_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const std::string line = read_ahead_.substr(0, end);
  read_ahead_.erase(0, end + 1);
  return nlohmann::json::parse(line);
}

nlohmann::json Peer::ask(const nlohmann::json& question) {
  const std::string line = question.dump() + '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t n = ::send(input_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0) throw std::system_error(errno, std::generic_category(), name_);
    sent += static_cast<std::size_t>(n);
  }
  return read_line();
}

nlohmann::json Peer::ask_by_signal(int number) {
  ::kill(pid_, number);
  return read_line();
}

}  // namespace lambda::testing
