#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <thread>

#include "millrace/detail/cpu_mask.hpp"

// Every function takes the root of the file system, so that tests can lay out a control group.
namespace millrace::detail {

[[nodiscard]] inline int at_least_one(int cpus) noexcept {
  return cpus > 1 ? cpus : 1;
}

// CPUs in the affinity mask of the calling thread.
[[nodiscard]] inline int affinity_cpus() {
  const auto mask = cpu_mask::of_thread(0);
  return at_least_one(mask ? mask->count() : static_cast<int>(std::thread::hardware_concurrency()));
}

// The lines of a small file, none if it can't be read. With stdio and by hand: every file that
// includes Millrace would pay for <fstream>, or for a std::unique_ptr.
class lines_of {
 public:
  explicit lines_of(const std::string& path) : file_(std::fopen(path.c_str(), "re")) {}
  ~lines_of() {
    if (file_ != nullptr) std::fclose(file_);
  }
  lines_of(const lines_of&) = delete;
  lines_of& operator=(const lines_of&) = delete;

  // False, and `line` empty, after the last.
  [[nodiscard]] bool next(std::string& line) {
    line.clear();
    int c = file_ != nullptr ? std::getc(file_) : EOF;
    if (c == EOF) return false;
    for (; c != EOF && c != '\n'; c = std::getc(file_)) line.push_back(static_cast<char>(c));
    return true;
  }

 private:
  std::FILE* const file_;
};

// Empty if there is none.
[[nodiscard]] inline std::string first_line(const std::string& path) {
  std::string line;
  static_cast<void>(lines_of(path).next(line));
  return line;
}

// Decimal digits, perhaps with a sign, and nothing else.
[[nodiscard]] inline std::optional<double> to_number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("-0123456789") != std::string::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (errno != 0 || *end != '\0') return std::nullopt;
  return static_cast<double>(value);
}

// cgroup v2: "MAX PERIOD" in microseconds, MAX being a number or the word "max".
[[nodiscard]] inline std::optional<double> quota_v2(const std::string& folder) {
  const std::string line = first_line(folder + "/cpu.max");
  const std::size_t space = line.find(' ');
  if (space == std::string::npos) return std::nullopt;
  const auto quota = to_number(line.substr(0, space));
  const auto period = to_number(line.substr(space + 1));
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

// cgroup v1: two files, -1 for no quota.
[[nodiscard]] inline std::optional<double> quota_v1(const std::string& folder) {
  const auto quota = to_number(first_line(folder + "/cpu.cfs_quota_us"));
  const auto period = to_number(first_line(folder + "/cpu.cfs_period_us"));
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

// The smallest quota of `group` and of everything above it: a parent's quota binds its children.
template <class ReadQuota>
[[nodiscard]] double smallest_quota(const std::string& mount, std::string group, ReadQuota read) {
  double smallest = std::numeric_limits<double>::infinity();
  for (;;) {
    if (const auto quota = read(mount + group); quota && *quota < smallest) smallest = *quota;
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return smallest;
    group.resize(slash);
  }
}

// CPUs' worth of time that the control groups of this process allow, infinity without a quota.
[[nodiscard]] inline double quota_cpus(const std::string& root) {
  double smallest = std::numeric_limits<double>::infinity();
  const auto allow = [&](double quota) {
    if (quota < smallest) smallest = quota;
  };
  // Lines are "ID:CONTROLLERS:PATH"; v2's one line is "0::PATH".
  lines_of groups(root + "proc/self/cgroup");
  for (std::string line; groups.next(line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      allow(smallest_quota(root + "sys/fs/cgroup", group, quota_v2));
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      for (const std::string mount : {"sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"}) {
        allow(smallest_quota(root + mount, group, quota_v1));
      }
    }
  }
  return smallest;
}

[[nodiscard]] inline int usable_cpus(const std::string& root) {
  const int affinity = affinity_cpus();
  const double quota = quota_cpus(root);
  if (quota >= affinity) return affinity;
  const int whole = static_cast<int>(quota);
  return at_least_one(whole < quota ? whole + 1 : whole);
}

}  // namespace millrace::detail
