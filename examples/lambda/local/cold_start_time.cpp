// How long a bootstrap takes from exec to its first GET /next, and how much memory it has then.
//
//   cold-start-time [--runs N] PROGRAM [ARGUMENT...]
//
// Prints the median and the spread of the times, the median resident and private memory, page
// faults and CPU time. The program is killed as soon as it has asked for its first event.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Start {
  double ms = 0;
  double cpu_ms = 0;
  double resident_kib = 0;
  double private_kib = 0;
  double page_faults = 0;
};

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// A listening socket on a free port of this machine.
class Listener {
 public:
  Listener() : socket_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    checked(::bind(socket_, generic, size), "bind");
    checked(::listen(socket_, 16), "listen");
    checked(::getsockname(socket_, generic, &size), "getsockname");
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { ::close(socket_); }

  [[nodiscard]] const std::string& address() const { return address_; }

  /// Waits for a request for the next event, which is never answered. The connection, to be closed
  /// when `child` is no more; -1 if it ends before it asks, or 30 seconds pass.
  [[nodiscard]] int asked_for_event(pid_t child) const {
    pollfd readable{socket_, POLLIN, 0};
    for (int tenths = 0; ::poll(&readable, 1, 100) == 0; ++tenths) {
      siginfo_t info{};
      ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT);
      if (info.si_pid != 0 || tenths == 300) return -1;
    }
    const int connection = checked(::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC), "accept");
    std::array<char, 4096> buffer{};
    const auto size = ::recv(connection, buffer.data(), buffer.size(), 0);
    const std::string_view request(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
    if (request.starts_with("GET /2018-06-01/runtime/invocation/next")) return connection;
    ::close(connection);
    return -1;
  }

 private:
  int socket_;
  std::string address_;
};

/// What /proc/PID/smaps_rollup says, in KiB.
void read_memory(pid_t child, Start& start) {
  std::ifstream rollup("/proc/" + std::to_string(child) + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) {
    const auto value = [&] { return std::strtod(line.c_str() + line.find(':') + 1, nullptr); };
    if (line.starts_with("Rss:")) start.resident_kib = value();
    if (line.starts_with("Private_")) start.private_kib += value();
  }
}

double milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) * 1e-3;
}

Start start_once(const Listener& listener, char** program) {
  const std::string api = "AWS_LAMBDA_RUNTIME_API=" + listener.address();
  std::vector<char*> environment{const_cast<char*>(api.c_str())};
  for (const char* name : {"PATH", "WORKER_COUNT", "LD_BIND_NOW", "QEMU_LD_PREFIX"}) {
    if (char* value = std::getenv(name))
      environment.push_back(value - std::string_view(name).size() - 1);
  }
  environment.push_back(nullptr);

  Start start;
  pid_t child = 0;
  const auto begin = Clock::now();
  const int error =
      ::posix_spawnp(&child, program[0], nullptr, nullptr, program, environment.data());
  if (error != 0) throw std::system_error(error, std::generic_category(), program[0]);
  const int connection = listener.asked_for_event(child);
  start.ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  read_memory(child, start);
  ::kill(child, SIGKILL);
  rusage usage{};
  checked(::wait4(child, nullptr, 0, &usage), "wait4");
  if (connection < 0)
    throw std::runtime_error(std::string(program[0]) + " didn't ask for an event");
  ::close(connection);
  start.cpu_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
  start.page_faults = static_cast<double>(usage.ru_minflt + usage.ru_majflt);
  return start;
}

double quantile(const std::vector<Start>& starts, double Start::* field, double q) {
  std::vector<double> values;
  for (const Start& start : starts) values.push_back(start.*field);
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

int measure(int runs, char** program) {
  const Listener listener;
  (void)start_once(listener, program);  // the first one reads the file into memory
  std::vector<Start> starts;
  for (int i = 0; i < runs; ++i) starts.push_back(start_once(listener, program));
  const auto median = [&](double Start::* field) { return quantile(starts, field, 0.5); };
  std::printf(
      "%.2f ms to the first GET /next (10 %%: %.2f, 90 %%: %.2f, %d runs), %.2f ms of CPU, "
      "%.0f KiB resident, %.0f KiB private, %.0f page faults\n",
      median(&Start::ms), quantile(starts, &Start::ms, 0.1), quantile(starts, &Start::ms, 0.9),
      runs, median(&Start::cpu_ms), median(&Start::resident_kib), median(&Start::private_kib),
      median(&Start::page_faults));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 100;
  char** rest = argv + 1;
  if (argc > 2 && std::string_view(rest[0]) == "--runs") {
    runs = std::atoi(rest[1]);
    rest += 2;
  }
  if (runs < 1 || *rest == nullptr) {
    std::fputs("usage: cold-start-time [--runs N] PROGRAM [ARGUMENT...], N from 1\n", stderr);
    return 2;
  }
  try {
    return measure(runs, rest);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "cold-start-time: %s\n", e.what());
    return EXIT_FAILURE;
  }
}
