#pragma once

#include <sys/types.h>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lambda::local {

struct SupervisorHooks {
  std::function<void()> started;
  /// `exit status 1`, `signal: killed`, ...
  std::function<void(const std::string& how)> exited;
};

/// Runs a program, and runs it again when it ends.
///
/// The program gets a process group of its own, its standard output goes to our standard error, no
/// descriptor of ours but the standard three is left open in it, and the kernel kills it when we
/// die, however we die.
///
/// A program that ends without having been `healthy` is started again after a delay that doubles
/// from 50 ms to 2 s.
///
/// **Runs on**: the context's thread, of which there must be one. **Lifetime**: the destructor
/// kills and reaps the program. **Thread safety**: none.
class Supervisor {
 public:
  /// `program` is the file, `command` what it is called with: its own name, then arguments.
  Supervisor(asio::io_context& context, std::string program, std::vector<std::string> command,
             std::vector<std::string> environment, SupervisorHooks hooks);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts the program. Throws `std::system_error` if no process can be made.
  void start();

  /// Says that the program does its work: after its end it is started again soon.
  void healthy() { delay_ = first_delay; }

  /// Kills the program with all that it has started; it is then started again.
  void kill();

  /// Ends the program for good and calls `done`: by SIGKILL, or if it is to be warned by SIGTERM
  /// and after half a second by SIGKILL.
  void stop(bool warn, std::function<void()> done);

  /// Whether the program is there and has not been killed; what comes from it otherwise is old.
  [[nodiscard]] bool alive() const { return pid_ && !doomed_; }

  /// Peak resident size of the running program.
  [[nodiscard]] std::optional<std::uint64_t> peak_memory_kb() const;

 private:
  static constexpr std::chrono::milliseconds first_delay{50};
  static constexpr std::chrono::milliseconds longest_delay{2'000};

  void watch();
  void reap();
  void restart_later();

  std::string program_;
  std::vector<std::string> command_;
  std::vector<std::string> environment_;
  SupervisorHooks hooks_;
  asio::signal_set child_signal_;
  asio::steady_timer timer_;
  std::chrono::milliseconds delay_ = first_delay;
  std::optional<pid_t> pid_;
  bool doomed_ = false;
  bool stopping_ = false;
  std::function<void()> stopped_;
};

/// `exit status 3` or `signal: killed` from what `waitpid` gives.
[[nodiscard]] std::string describe_exit(int status);

}  // namespace lambda::local
