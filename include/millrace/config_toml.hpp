#pragma once

#include <toml++/toml.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/config.hpp"
#include "millrace/detail/config_text.hpp"
#include "millrace/detail/suggestion.hpp"

namespace millrace {

/// `base` with the fields that a table of a TOML file has:
///
///     [millrace]
///     threads = 4
///     idle_spin = "100us"
///
/// Needs toml++ (Debian: libtomlplusplus-dev), and so does nothing else of Millrace. Other tables
/// are the program's; of this one every key must be a field.
///
/// Throws `std::invalid_argument` for a file that can't be read or isn't TOML, has no such table,
/// an unknown field or a value that can't be used; one line that names the file, the line in it,
/// the field, the value and what would be right.
[[nodiscard]] inline ComputeConfig config_from_toml(const std::string& path,
                                                    ComputeConfig base = {},
                                                    std::string_view table = "millrace") {
  const auto refuse = [](const std::string& what) {
    throw std::invalid_argument(detail::printable("millrace::ComputeConfig: " + what));
  };
  toml::table file;
  try {
    file = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    // Line 0 is that of a file that couldn't be read.
    const auto line = error.source().begin.line;
    refuse(path + (line == 0 ? "" : ':' + std::to_string(line)) + ": " +
           std::string(error.description()));
  }
  const toml::table* const fields = file[table].as_table();
  if (fields == nullptr) refuse(path + " has no table [" + std::string(table) + ']');

  for (const auto& [key, node] : *fields) {
    const std::string_view name = key.str();
    const std::string where = path + ':' + std::to_string(node.source().begin.line);
    const auto field = std::find_if(detail::config_fields<ComputeConfig>.begin(),
                                    detail::config_fields<ComputeConfig>.end(),
                                    [&](const auto& one) { return one.name == name; });
    if (field == detail::config_fields<ComputeConfig>.end()) {
      std::vector<std::string> names;
      for (const auto& one : detail::config_fields<ComputeConfig>) names.emplace_back(one.name);
      refuse("unknown field " + std::string(name) + ", " + detail::suggestion(name, names) + " (" +
             where + ')');
    } else if (const auto* text = node.as_string()) {
      field->apply(base, text->get(), where);
    } else if (const auto* number = node.as_integer()) {
      field->apply(base, std::to_string(number->get()), where);
    } else if (const auto* truth = node.as_boolean()) {
      field->apply(base, truth->get() ? "true" : "false", where);
    } else {
      refuse(std::string(name) + " is no text, whole number or boolean, must be " + field->form +
             " (" + where + ')');
    }
  }
  return base;
}

}  // namespace millrace
