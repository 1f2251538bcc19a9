#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What an unknown flag or key was meant to be.
namespace millrace::detail {

// Insertions, deletions and replacements that make one of the other.
[[nodiscard]] inline std::size_t edits(std::string_view one, std::string_view other) {
  std::vector<std::size_t> row(other.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < one.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < other.size(); ++j) {
      const std::size_t replaced = diagonal + (one[i] == other[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// What an unknown name was meant to be: "did you mean ..?", or all that there are.
[[nodiscard]] inline std::string suggestion(std::string_view wrong,
                                            const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  std::size_t least = wrong.size() / 3 + 1;  // more than that is another word
  for (const std::string& name : names) {
    const std::size_t distance = edits(wrong, name);
    if (distance > least || (nearest != nullptr && distance == least)) continue;
    nearest = &name;
    least = distance;
  }
  if (nearest != nullptr) return "did you mean " + *nearest + '?';
  std::string all = "must be one of ";
  for (const std::string& name : names) all += (&name == &names.front() ? "" : ", ") + name;
  return all;
}

}  // namespace millrace::detail
