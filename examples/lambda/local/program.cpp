#include "program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace lambda::local {
namespace {

/// Why it can't be executed; empty if it can.
std::string flaw_of(const std::string& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) return "is a directory";
  // The effective user's rights, as they are what exec asks for.
  if (::faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) == 0) return {};
  return std::generic_category().message(errno);
}

}  // namespace

std::string find_program(const std::string& name, std::string_view path) {
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument("cannot execute \"" + name + "\": " + why);
  };
  if (name.empty()) refuse("no name of a program");
  if (name.find('/') != std::string::npos) {
    if (const auto flaw = flaw_of(name); !flaw.empty()) refuse(flaw);
    return name;
  }
  std::string found_but;  // what is no program doesn't hide one that comes later
  for (bool last = false; !last;) {
    const auto end = path.find(':');
    last = end == std::string_view::npos;
    const std::string folder{path.substr(0, end)};
    if (!last) path.remove_prefix(end + 1);
    const std::string file = (folder.empty() ? "." : folder) + '/' + name;
    const auto flaw = flaw_of(file);
    if (flaw.empty()) return file;
    if (std::error_code error; found_but.empty() && std::filesystem::exists(file, error)) {
      found_but = file + ": " + flaw;
    }
  }
  refuse(found_but.empty() ? "it is in none of the folders of PATH; with a slash it would be a path"
                           : found_but);
  return {};
}

std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  return find_program(name, path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
}

}  // namespace lambda::local
