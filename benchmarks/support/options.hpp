#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/clocks.hpp"

namespace bench {

/// What the command line asks for; the Rust rivals understand the same.
struct options {
  std::vector<std::string> problems;  ///< empty: all
  std::vector<std::string> rivals;
  std::vector<int> workers;
  std::vector<int> in_flight;
  int rounds = 5;
  int rotate = 0;                   ///< which rival begins the first round
  std::optional<nanoseconds> time;  ///< of one run; else as each problem has it
  std::string json;                 ///< file to write, none if empty
  bool pin = false;                 ///< the loop's thread on a CPU of its own
  bool list = false;
};

/// Throws `std::invalid_argument` with a line that helps; ends the program after `--help`.
[[nodiscard]] options parse(int argc, char** argv);

}  // namespace bench
