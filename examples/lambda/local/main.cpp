// Serves the Lambda Runtime API on this machine and runs a bootstrap program against it.

#include <asio/io_context.hpp>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "host.hpp"
#include "options.hpp"
#include "program.hpp"

int main(int argc, char** argv) {
  try {
    auto options = lambda::local::parse_options(std::vector<std::string>(argv + 1, argv + argc));
    if (options.help) {
      std::cout << lambda::local::usage();
      return 0;
    }
    if (!options.command.empty()) {
      options.program = lambda::local::find_program(options.command.front());
    }
    asio::io_context context{1};
    lambda::local::Host host(context, options);
    host.start();
    context.run();
    return 0;
  } catch (const std::invalid_argument& e) {
    std::cerr << "local-runtime-api: " << e.what() << "; see local-runtime-api --help\n";
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "local-runtime-api: " << e.what() << '\n';
    return 1;
  }
}
