#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core_type.hpp"
#include "millrace/detail/cpu_count.hpp"
#include "millrace/detail/cpu_mask.hpp"

// Which CPUs belong to a NUMA node or are of one type, as Linux says under /sys. Every function
// takes the root of the file system, so that tests can lay out a machine.
namespace millrace::detail {

// The kernel's lists of CPUs and nodes, "0-3,8": in order, up to what isn't of this form.
[[nodiscard]] inline std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> all;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](int& value) {
    const char* const begin = at;
    for (value = 0; at != end && *at >= '0' && *at <= '9' && value < cpu_mask::most; ++at) {
      value = value * 10 + (*at - '0');
    }
    return at != begin && value < cpu_mask::most;
  };
  for (int first = 0; number(first); ++at) {
    int last = first;
    if (at != end && *at == '-') {
      ++at;
      if (!number(last)) break;
    }
    for (int one = first; one <= last; ++one) all.push_back(one);
    if (at == end || *at != ',') break;
  }
  return all;
}

[[nodiscard]] inline std::vector<int> cpu_list_in(const std::string& path) {
  return parse_cpu_list(first_line(path));
}

[[nodiscard]] inline cpu_mask mask_of(const std::vector<int>& cpus) {
  cpu_mask mask;
  for (const int cpu : cpus) mask.add(cpu);
  return mask;
}

[[nodiscard]] inline std::vector<int> nodes_with_cpus(const std::string& root) {
  return cpu_list_in(root + "sys/devices/system/node/has_cpu");
}

[[nodiscard]] inline cpu_mask cpus_of_node(const std::string& root, int node) {
  return mask_of(
      cpu_list_in(root + "sys/devices/system/node/node" + std::to_string(node) + "/cpulist"));
}

// None where all CPUs are of one type.
[[nodiscard]] inline cpu_mask cpus_of_type(const std::string& root, CoreType type) {
  const std::vector<int> cores = cpu_list_in(root + "sys/devices/cpu_core/cpus");
  const std::vector<int> atoms = cpu_list_in(root + "sys/devices/cpu_atom/cpus");
  if (!cores.empty() && !atoms.empty()) {
    return mask_of(type == CoreType::performance ? cores : atoms);
  }

  const std::string folder = root + "sys/devices/system/cpu/";
  const std::vector<int> present = cpu_list_in(folder + "present");
  const auto capacity_of = [&](int cpu) {
    return to_number(first_line(folder + "cpu" + std::to_string(cpu) + "/cpu_capacity"));
  };
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  for (const int cpu : present) {
    const auto capacity = capacity_of(cpu);
    if (capacity && *capacity < least) least = *capacity;
    if (capacity && *capacity > most) most = *capacity;
  }
  cpu_mask mask;
  if (least >= most) return mask;
  for (const int cpu : present) {
    const auto capacity = capacity_of(cpu);
    if (capacity && (*capacity == least) == (type == CoreType::efficiency)) mask.add(cpu);
  }
  return mask;
}

// The CPUs that numa_node (-1 for any) and core_type leave of `allowed`; or the field because of
// which that is none, and what would be right.
struct cpu_choice {
  cpu_mask cpus;
  std::string_view wrong;
  std::string right;
};

[[nodiscard]] inline cpu_choice choose_cpus(const std::string& root, const cpu_mask& allowed,
                                            int numa_node, CoreType type) {
  cpu_choice choice{.cpus = allowed, .wrong = {}, .right = {}};
  const auto narrow = [&](const cpu_mask& to, std::string_view field, const std::string& right) {
    choice.cpus = choice.cpus & to;
    if (choice.cpus.count() != 0) return true;
    choice.wrong = field;
    choice.right = right;
    return false;
  };
  if (numa_node >= 0) {
    std::string right = "-1 (any)";
    for (const int node : nodes_with_cpus(root)) {
      if ((allowed & cpus_of_node(root, node)).count() != 0) right += ", " + std::to_string(node);
    }
    if (right == "-1 (any)")
      right += ", as this system shows no NUMA nodes";
    else
      right += " (the nodes with CPUs of the affinity mask)";
    if (!narrow(cpus_of_node(root, numa_node), "numa_node", right)) return choice;
  }
  if (type != CoreType::any) {
    const cpu_mask typed = cpus_of_type(root, type);
    narrow(typed, "core_type",
           typed.count() == 0 ? "any, as all CPUs of this machine are of one type"
                              : "one that has CPUs in the affinity mask and the NUMA node");
  }
  return choice;
}

}  // namespace millrace::detail
