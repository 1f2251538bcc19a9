#pragma once

#include <string>
#include <string_view>

namespace lambda::local {

/// The file that `name` starts, looked up as a shell does: with a slash it is a path, without one
/// it is searched for in the folders of `path`, of which an empty one is the current folder.
///
/// Throws `std::invalid_argument` with one line if there is none that may be executed.
[[nodiscard]] std::string find_program(const std::string& name, std::string_view path);

/// The same, in the folders of `PATH`, or where the system's own programs are if it isn't set.
[[nodiscard]] std::string find_program(const std::string& name);

}  // namespace lambda::local
