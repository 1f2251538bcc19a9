#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace lambda::local {

/// The command line of `local-runtime-api`.
struct Options {
  std::uint16_t port = 9001;  ///< 0: any that is free.
  std::chrono::milliseconds timeout{300'000};
  std::chrono::milliseconds init_timeout{10'000};
  int concurrency = 1;               ///< Invocations at a time.
  std::vector<std::string> env;      ///< `KEY=VALUE`, on top of what Lambda sets.
  std::vector<std::string> command;  ///< Empty: whoever wants to starts bootstrap on their own.
  std::string program;               ///< The file that `command`'s first word is, once looked up.
  bool help = false;
};

/// Throws `std::invalid_argument` with a line that names the argument.
[[nodiscard]] Options parse_options(const std::vector<std::string>& arguments);

[[nodiscard]] std::string usage();

/// The environment of `bootstrap`: that of this process, over it what Lambda sets, over it
/// `extra`. What the user has set for credentials, region and log stays.
[[nodiscard]] std::vector<std::string> bootstrap_environment(const std::string& runtime_api,
                                                             const std::string& program,
                                                             const std::vector<std::string>& extra,
                                                             int concurrency = 1);

}  // namespace lambda::local
