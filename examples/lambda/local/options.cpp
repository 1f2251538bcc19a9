#include "options.hpp"

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string_view>

namespace lambda::local {
namespace {

template <class T>
T number(const std::string& option, const std::string& text, T least, T most) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Written so that NaN fails as well.
  if (error != std::errc{} || end != text.data() + text.size() ||
      !(value >= least && value <= most)) {
    throw std::invalid_argument(option + " wants a number from " + std::to_string(least) + " to " +
                                std::to_string(most) + ", not \"" + text + "\"");
  }
  return value;
}

std::chrono::milliseconds seconds(const std::string& option, const std::string& text) {
  // As on Lambda at most 15 minutes; down to a hundredth so that a test need not wait.
  return std::chrono::milliseconds(std::llround(number(option, text, 0.01, 900.0) * 1000));
}

}  // namespace

std::string usage() {
  return "usage: local-runtime-api [--port P] [--timeout SECONDS] [--init-timeout SECONDS]\n"
         "                         [--concurrency N] [--env KEY=VALUE]... [-- BOOTSTRAP "
         "[ARGUMENT]...]\n"
         "\n"
         "Serves the Lambda Runtime API on 127.0.0.1, runs BOOTSTRAP against it (without one, "
         "start\n"
         "it yourself, e.g. in a debugger, with AWS_LAMBDA_RUNTIME_API=127.0.0.1:P) and takes\n"
         "invocations:\n"
         "  curl -d '{}' http://127.0.0.1:P/2015-03-31/functions/function/invocations\n"
         "\n"
         "  --port P                default 9001; 0 takes any that is free. The first line on\n"
         "                          standard output says which: listening on http://127.0.0.1:P\n"
         "  --timeout SECONDS       of one invocation, default 300\n"
         "  --init-timeout SECONDS  until BOOTSTRAP asks for its first event, default 10\n"
         "  --concurrency N         invocations at a time, default 1\n"
         "  --env KEY=VALUE         for BOOTSTRAP; may be given several times\n";
}

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--") {
      options.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                             arguments.end());
      if (options.command.empty()) throw std::invalid_argument("no program after --");
      break;
    }
    if (option == "--help" || option == "-h") {
      options.help = true;
      continue;
    }
    const bool known = option == "--port" || option == "--timeout" || option == "--init-timeout" ||
                       option == "--concurrency" || option == "--env";
    if (!known) throw std::invalid_argument("unknown argument " + option);
    if (++i == arguments.size()) throw std::invalid_argument(option + " wants a value");
    const std::string& value = arguments[i];
    if (option == "--port") {
      options.port = static_cast<std::uint16_t>(number(option, value, 0, 65535));
    } else if (option == "--timeout") {
      options.timeout = seconds(option, value);
    } else if (option == "--init-timeout") {
      options.init_timeout = seconds(option, value);
    } else if (option == "--concurrency") {
      options.concurrency = number(option, value, 1, 1000);
    } else {
      if (value.find('=') == std::string::npos || value.front() == '=') {
        throw std::invalid_argument("--env wants KEY=VALUE, not \"" + value + "\"");
      }
      options.env.push_back(value);
    }
  }
  return options;
}

std::vector<std::string> bootstrap_environment(const std::string& runtime_api,
                                               const std::string& program,
                                               const std::vector<std::string>& extra,
                                               int concurrency) {
  std::map<std::string, std::string> variables;
  const auto set = [&](std::string_view entry) {
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos || equals == 0) return;
    variables[std::string(entry.substr(0, equals))] = entry.substr(equals + 1);
  };
  for (char** entry = environ; *entry != nullptr; ++entry) set(*entry);

  const std::map<std::string, std::string> unless_set = {
      {"AWS_REGION", "us-east-1"},
      {"AWS_DEFAULT_REGION", "us-east-1"},
      {"AWS_ACCESS_KEY_ID", "local"},
      {"AWS_SECRET_ACCESS_KEY", "local"},
      {"AWS_LAMBDA_LOG_FORMAT", "JSON"},
      {"AWS_LAMBDA_LOG_LEVEL", "INFO"},
      {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3008"},
      {"_HANDLER", "function.handler"},
      {"TZ", ":UTC"},
  };
  variables.insert(unless_set.begin(), unless_set.end());  // keeps what is there

  const std::string folder =
      std::filesystem::absolute(program).lexically_normal().parent_path().string();
  variables["AWS_LAMBDA_RUNTIME_API"] = runtime_api;
  variables["AWS_LAMBDA_FUNCTION_NAME"] = "function";
  variables["AWS_LAMBDA_FUNCTION_VERSION"] = "$LATEST";
  variables["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/function";
  variables["AWS_LAMBDA_LOG_STREAM_NAME"] = "$LATEST";
  variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
  variables["LAMBDA_TASK_ROOT"] = folder;
  variables["LAMBDA_RUNTIME_DIR"] = folder;
  variables.erase("_X_AMZN_TRACE_ID");
  variables.erase("AWS_LAMBDA_MAX_CONCURRENCY");
  if (concurrency > 1) variables["AWS_LAMBDA_MAX_CONCURRENCY"] = std::to_string(concurrency);
  for (const std::string& entry : extra) set(entry);

  std::vector<std::string> result;
  for (const auto& [key, value] : variables) result.push_back(key + "=" + value);
  return result;
}

}  // namespace lambda::local
