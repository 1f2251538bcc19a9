#include "millrace/version.hpp"

#include <string>

#include "support/catch.hpp"

TEST_CASE("the project has the version that the header says") {
  const std::string header = std::to_string(millrace::version_major) + '.' +
                             std::to_string(millrace::version_minor) + '.' +
                             std::to_string(millrace::version_patch);
  CHECK(header == MILLRACE_PROJECT_VERSION);
}
