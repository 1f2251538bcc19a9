#include "options.hpp"

#include <charconv>
#include <millrace/config_flags.hpp>
#include <millrace/config_toml.hpp>
#include <stdexcept>

namespace service {
namespace {

template <class T>
T number(const std::string& flag, const std::string& text, T least, T most) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    throw std::invalid_argument(flag + " wants a number from " + std::to_string(least) + " to " +
                                std::to_string(most) + ", not \"" + text + '"');
  }
  return value;
}

const std::vector<std::string> own_flags = {"--address",  "--port",         "--io-threads",
                                            "--max-body", "--stop-timeout", "--inline",
                                            "--config",   "--help"};

void apply(Options& options, const std::string& flag, const std::string& value) {
  if (flag == "--address") {
    options.address = value;
  } else if (flag == "--port") {
    options.port = number<std::uint16_t>(flag, value, 0, 65535);
  } else if (flag == "--io-threads") {
    options.io_threads = number(flag, value, 1, 64);
  } else if (flag == "--max-body") {
    options.max_body = number<std::size_t>(flag, value, 1, std::size_t{1} << 30);
  } else {
    options.stop_timeout = std::chrono::seconds(number(flag, value, 0, 3600));
  }
}

}  // namespace

millrace::ComputeConfig service_defaults() {
  millrace::ComputeConfig config;
  config.thread_name = "compute";
  config.max_pending = 64;
  config.overflow = millrace::Overflow::reject;
  config.nice = 10;
  return config;
}

Options parse_options(std::vector<std::string> arguments) {
  Options options;
  std::string file;
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    const std::string flag = arguments[i].substr(0, equals);
    if (flag == "--help" || flag == "-h") {
      options.help = true;
    } else if (flag == "--inline") {
      options.compute_inline = true;
    } else if (std::find(own_flags.begin(), own_flags.end(), flag) == own_flags.end()) {
      rest.push_back(arguments[i]);
    } else {
      if (equals == std::string::npos && i + 1 == arguments.size()) {
        throw std::invalid_argument(flag + " wants a value");
      }
      const std::string value =
          equals == std::string::npos ? arguments[++i] : arguments[i].substr(equals + 1);
      if (flag == "--config") {
        file = value;
      } else {
        apply(options, flag, value);
      }
    }
  }
  options.pool = service_defaults();
  if (!file.empty()) options.pool = millrace::config_from_toml(file, options.pool);
  options.pool = millrace::ComputeConfig::from_env("MILLRACE", options.pool);
  options.pool = millrace::take_config_flags(rest, options.pool);
  millrace::refuse_unknown_flags(rest, own_flags);
  if (!rest.empty()) throw std::invalid_argument("unknown argument " + rest.front());
  return options;
}

std::string usage() {
  return "usage: compute-service [FLAG VALUE]...\n"
         "\n"
         "  --address A      default 127.0.0.1\n"
         "  --port P         default 8080; 0 takes any that is free. The first line on standard\n"
         "                   output says which: listening on http://127.0.0.1:P\n"
         "  --io-threads N   loops, each with sockets of its own; default 1\n"
         "  --inline         computes on the loop, to see what that does to everybody else\n"
         "  --max-body N     bytes of a request's body; default 8388608\n"
         "  --stop-timeout S seconds that a stop waits for what was accepted; default 30\n"
         "  --config FILE    TOML, for the flags of the pool:\n"
         "\n" +
         millrace::config_flags_help() +
         "\nHere by default: --thread-name compute, --max-pending 64, --overflow reject, --nice "
         "10.\n";
}

}  // namespace service
