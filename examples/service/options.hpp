/// The command line of `compute-service`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <millrace/config.hpp>
#include <string>
#include <vector>

namespace service {

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;  ///< 0: any that is free.
  int io_threads = 1;
  bool compute_inline = false;  ///< On the loop, to see what that does to everybody else.
  std::size_t max_body = std::size_t{8} << 20;
  std::chrono::seconds stop_timeout{30};
  bool help = false;
  millrace::ComputeConfig pool;
};

/// What a service wants of its pool, before file, environment and flags: a bounded queue that
/// rejects, and workers that let everybody else go first.
[[nodiscard]] millrace::ComputeConfig service_defaults();

/// From a TOML file (`--config FILE`), the environment (`MILLRACE_...`) and the flags; later ones
/// win. Throws `std::invalid_argument`, or `std::exception` for the file, with one line.
[[nodiscard]] Options parse_options(std::vector<std::string> arguments);

[[nodiscard]] std::string usage();

}  // namespace service
