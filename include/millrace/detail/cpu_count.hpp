#pragma once

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// Every function takes the root of the file system, so that tests can lay out a control group.
namespace millrace::detail {

// CPUs in the affinity mask of the calling thread. The kernel's mask may be wider than cpu_set_t
// (1024 bits): it then answers EINVAL until the buffer is large enough.
[[nodiscard]] inline int affinity_cpus() {
  for (std::size_t sets = 1; sets <= 64; sets *= 2) {
    std::vector<cpu_set_t> mask(sets);
    const std::size_t bytes = sets * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, mask.data()) == 0) {
      return std::max(1, CPU_COUNT_S(bytes, mask.data()));
    }
    if (errno != EINVAL) break;
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

[[nodiscard]] inline std::optional<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

[[nodiscard]] inline std::optional<double> to_number(std::string_view text) {
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(value);
}

// cgroup v2: "MAX PERIOD" in microseconds, MAX being a number or the word "max".
[[nodiscard]] inline std::optional<double> quota_v2(const std::string& folder) {
  const auto line = first_line(folder + "/cpu.max");
  if (!line) return std::nullopt;
  const std::size_t space = line->find(' ');
  if (space == std::string::npos) return std::nullopt;
  const auto quota = to_number(std::string_view(*line).substr(0, space));
  const auto period = to_number(std::string_view(*line).substr(space + 1));
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

// cgroup v1: two files, -1 for no quota.
[[nodiscard]] inline std::optional<double> quota_v1(const std::string& folder) {
  const auto quota_line = first_line(folder + "/cpu.cfs_quota_us");
  const auto period_line = first_line(folder + "/cpu.cfs_period_us");
  if (!quota_line || !period_line) return std::nullopt;
  const auto quota = to_number(*quota_line);
  const auto period = to_number(*period_line);
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

// The smallest quota of `group` and of everything above it: a parent's quota binds its children.
template <class ReadQuota>
[[nodiscard]] double smallest_quota(const std::string& mount, std::string group, ReadQuota read) {
  double smallest = std::numeric_limits<double>::infinity();
  for (;;) {
    if (const auto quota = read(mount + group)) smallest = std::min(smallest, *quota);
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return smallest;
    group.resize(slash);
  }
}

// CPUs' worth of time that the control groups of this process allow, infinity without a quota.
[[nodiscard]] inline double quota_cpus(const std::string& root) {
  double smallest = std::numeric_limits<double>::infinity();
  std::ifstream groups(root + "proc/self/cgroup");
  // Lines are "ID:CONTROLLERS:PATH"; v2's one line is "0::PATH".
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      smallest = std::min(smallest, smallest_quota(root + "sys/fs/cgroup", group, quota_v2));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      for (const std::string mount : {"sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"}) {
        smallest = std::min(smallest, smallest_quota(root + mount, group, quota_v1));
      }
    }
  }
  return smallest;
}

[[nodiscard]] inline int usable_cpus(const std::string& root) {
  const int affinity = affinity_cpus();
  const double quota = std::ceil(quota_cpus(root));
  return quota < affinity ? std::max(1, static_cast<int>(quota)) : affinity;
}

}  // namespace millrace::detail
