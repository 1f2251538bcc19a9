// configuration: a pool from a file, the environment and the command line; what is nearer wins.
//
//   MILLRACE_IDLE_SPIN=100us 11_configuration 11_configuration.toml --threads 4
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "millrace/config_flags.hpp"
#include "millrace/config_toml.hpp"

int main(int count, char** values) {
  std::vector<std::string> arguments(values + 1, values + count);
  try {
    millrace::ComputeConfig config;
    if (!arguments.empty() && !arguments.front().starts_with('-')) {
      config = millrace::config_from_toml(arguments.front(), config);
      arguments.erase(arguments.begin());
    }
    config = millrace::ComputeConfig::from_env("MILLRACE", config);
    config = millrace::take_config_flags(arguments, config);
    millrace::refuse_unknown_flags(arguments);  // a program with flags of its own takes them before

    millrace::ComputePool pool(config);
    std::cout << pool.num_threads() << " workers, one of them says "
              << pool.execute_sync([] { return 6 * 7; }) << '\n';
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n\n11_configuration [FILE] [FLAG VALUE]...\n"
              << millrace::config_flags_help();
    return 1;
  }
}
