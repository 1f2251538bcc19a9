// Images for the tests, from images.py, and the handler over local files.
#pragma once

#include <cstdlib>
#include <map>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "image_filter/handler.hpp"
#include "io/file_sink.hpp"
#include "io/file_source.hpp"
#include "lambda/support/files.hpp"
#include "runtime/error.hpp"

namespace test {

using Variables = std::map<std::string, std::string>;

inline lambda::event::Environment environment(Variables variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

// Exit status and output of images.py.
inline std::pair<int, std::string> images(const std::string& command, const std::string& path) {
  const TemporaryDirectory directory;
  const auto output = directory.file("output.txt");
  const std::string line = std::string{"'"} + PYTHON + "' '" + IMAGES + "' " + command + " '" +
                           path + "' > '" + output + "' 2>&1";
  const int status = std::system(line.c_str());
  return {WEXITSTATUS(status), read(output)};
}

class Function {
 public:
  explicit Function(int workers = 2, Variables variables = {})
      : pool_(millrace::ComputeConfig{.threads = workers}),
        handler_(source_, sink_, environment(std::move(variables))) {}

  nlohmann::json invoke(const nlohmann::json& event) {
    lambda::Context context;
    context.request_id = "request-1";
    return run(handler_(event, context, pool_));
  }

  // "Type: message"
  std::string error(const nlohmann::json& event) {
    try {
      static_cast<void>(invoke(event));
    } catch (const lambda::HandlerError& failure) {
      return failure.error_type() + ": " + failure.what();
    }
    return {};
  }

 private:
  lambda::io::FileSource source_;
  lambda::io::FileSink sink_;
  millrace::ComputePool<> pool_;
  lambda::image_filter::Handler handler_;
};

}  // namespace test
