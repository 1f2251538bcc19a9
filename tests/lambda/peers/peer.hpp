#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lambda::testing {

/// A test peer, see lifetime.py: a process that announces itself with one line of JSON and ends
/// when its standard input does.
///
/// That input is held by this object alone, so the peer ends with it, and also when the process
/// that has it is killed. What is asked of it is bounded: a line that doesn't come fails the test
/// after a minute. What the peer says on standard error goes to this process's.
///
/// **Thread safety**: none.
class Peer {
 public:
  /// Starts `command` (a program of the peers' folder, and its arguments) with `environment`
  /// (NAME=VALUE) added to this process's, and waits for its line.
  explicit Peer(const std::vector<std::string>& command,
                const std::vector<std::string>& environment = {});
  /// Returns when the peer has ended, and so has cleaned up.
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// The line that it announced itself with.
  [[nodiscard]] const nlohmann::json& hello() const { return hello_; }
  [[nodiscard]] std::string endpoint() const { return hello_.at("endpoint"); }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// Sends a line and reads the answer's.
  [[nodiscard]] nlohmann::json ask(const nlohmann::json& question);

  /// Sends a signal that the peer answers with a line.
  [[nodiscard]] nlohmann::json ask_by_signal(int number);

 private:
  [[nodiscard]] nlohmann::json read_line();
  void stop() noexcept;

  std::string name_;
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string read_ahead_;
  nlohmann::json hello_;
};

}  // namespace lambda::testing
