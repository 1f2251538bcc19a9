#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/config.hpp"
#include "millrace/detail/config_text.hpp"
#include "millrace/detail/suggestion.hpp"

namespace millrace {

/// `base` with the fields for which `arguments` has a flag, `--idle-spin 100us` or
/// `--idle-spin=100us`; takes these out of `arguments` and leaves the rest, which is the program's.
/// Ends at an argument `--`. Of a flag that comes twice the last one counts.
///
/// Throws `std::invalid_argument` for a value that is missing or can't be used; one line that names
/// the flag, the field, the value and what would be right.
[[nodiscard]] inline ComputeConfig take_config_flags(std::vector<std::string>& arguments,
                                                     ComputeConfig base = {}) {
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      rest.insert(rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      break;
    }
    const std::size_t equals = std::min(argument.find('='), argument.size());
    const std::string flag = argument.substr(0, equals);
    const auto field = std::find_if(detail::config_fields<ComputeConfig>.begin(),
                                    detail::config_fields<ComputeConfig>.end(),
                                    [&](const auto& one) { return one.flag() == flag; });
    if (field == detail::config_fields<ComputeConfig>.end()) {
      rest.push_back(argument);
    } else if (equals < argument.size()) {
      field->apply(base, argument.substr(equals + 1), flag);
    } else if (++i < arguments.size()) {
      field->apply(base, arguments[i], flag);
    } else {
      throw std::invalid_argument("millrace::ComputeConfig: " + std::string(field->name) +
                                  " has no value, must be " + field->form + " (" + flag + ')');
    }
  }
  arguments = std::move(rest);
  return base;
}

/// Throws `std::invalid_argument` for the first of `arguments` that looks like a flag; one line
/// that names it, and the flag that was meant, or all: the pool's and `own`, the program's. For
/// what is left when pool and program have taken theirs; ends at an argument `--`.
inline void refuse_unknown_flags(const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& own = {}) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return;
    if (argument.size() < 2 || argument.front() != '-') continue;
    std::vector<std::string> names = own;
    for (const auto& field : detail::config_fields<ComputeConfig>) names.push_back(field.flag());
    const std::string flag = argument.substr(0, argument.find('='));
    throw std::invalid_argument(
        detail::printable("unknown flag " + flag + ", " + detail::suggestion(flag, names)));
  }
}

/// The pool's flags for a program's `--help`, a line each.
[[nodiscard]] inline std::string config_flags_help() {
  std::string lines;
  for (const auto& field : detail::config_fields<ComputeConfig>) {
    std::string line = "  " + field.flag();
    line.resize(17, ' ');
    lines += line + field.form;
    if (!field.usual.empty()) lines += "; default " + std::string(field.usual);
    lines += '\n';
  }
  return lines;
}

}  // namespace millrace
