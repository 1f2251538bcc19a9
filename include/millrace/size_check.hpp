#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/concepts.hpp"
#include "millrace/detail/size_table.hpp"
#include "millrace/detail/time_text.hpp"
#include "millrace/detail/timed_call.hpp"

namespace millrace {

/// How long a job takes, as its caller believes; see `job_size.hpp`.
enum class JobSize { small, medium, large };

/// "small", "medium" or "large".
[[nodiscard]] constexpr std::string_view name_of(JobSize size) noexcept {
  return size == JobSize::small ? "small" : size == JobSize::medium ? "medium" : "large";
}

/// Where the sizes meet. A small job runs for at most `medium`, a medium one for `medium` to
/// `large`, a large one for at least `large`; a job that runs for exactly that is of either size.
struct SizeLimits {
  std::chrono::nanoseconds medium = std::chrono::microseconds(100);
  std::chrono::nanoseconds large = std::chrono::milliseconds(1);
};

/// What was seen of the jobs of one size that were started at one place in the source.
struct SizeSite {
  std::source_location site;
  JobSize size = JobSize::small;
  std::uint64_t jobs = 0;       ///< all that ran to their end, or threw
  std::uint64_t too_short = 0;  ///< of these, those that a smaller size would have fitted
  std::uint64_t too_long = 0;   ///< and those for which a larger one would
  std::chrono::nanoseconds shortest{};
  std::chrono::nanoseconds longest{};

  [[nodiscard]] std::uint64_t misclassified() const noexcept { return too_short + too_long; }
};

/// What a `SizeCheck` has seen.
struct SizeReport {
  std::uint64_t jobs = 0;
  std::uint64_t misclassified = 0;
  std::uint64_t unlisted = 0;   ///< of `jobs`, those of sites that the table had no room for
  std::vector<SizeSite> sites;  ///< the most misclassified jobs first
};

/// What the operations of `job_size.hpp` may take as their first argument: `around(size, site, f)`
/// gives the callable that is run in place of `f`.
template <class C>
concept SizePolicy = requires(C& check, const std::source_location& site, void (*f)()) {
  { check.around(JobSize::small, site, std::move(f)) } -> Job;
};

/// No check: the callable is run as it is, no clock is read.
struct NoSizeCheck {
  template <Job F>
  [[nodiscard]] static F&& around(JobSize, const std::source_location&, F&& f) noexcept {
    return std::forward<F>(f);
  }
};

/// Measures jobs and counts those of the wrong size, by call site.
///
/// For tests and trial runs; `NoSizeCheck` has the same place in a call. What is measured is the
/// callable alone, without waiting for a worker; a job that never runs isn't counted.
/// **Lifetime:** until its jobs have ended.
/// **Thread safety:** all members, from any thread. **Allocation:** the table, once. **Costs:** two
/// reads of `Clock` and a lock per job.
/// **Example:** examples/12_sizes.cpp
template <class Clock = std::chrono::steady_clock>
class SizeCheck {
 public:
  /// Throws `std::invalid_argument` if a limit isn't positive or the second below the first, or if
  /// there is room for no site; `std::bad_alloc`.
  explicit SizeCheck(SizeLimits limits = {}, std::size_t most_sites = 256)
      : limits_(limits), table_(most_sites) {
    if (limits.medium.count() <= 0) refuse("medium", limits.medium.count(), "more than 0 ns");
    if (limits.large < limits.medium) refuse("large", limits.large.count(), "at least `medium`");
    if (most_sites == 0) {
      throw std::invalid_argument("millrace::SizeCheck: most_sites is 0, should be at least 1");
    }
  }

  template <Job F>
  [[nodiscard]] auto around(JobSize size, const std::source_location& site, F&& f) {
    const auto report = [this, size, site](std::chrono::nanoseconds ran) noexcept {
      record(size, site, ran);
    };
    return detail::timed_call<std::decay_t<F>, Clock, std::remove_const_t<decltype(report)>>(
        std::decay_t<F>(std::forward<F>(f)), report);
  }

  /// Counts a job that ran for `ran`.
  void record(JobSize size, const std::source_location& site,
              std::chrono::nanoseconds ran) noexcept {
    const bool too_short = (size == JobSize::medium && ran < limits_.medium) ||
                           (size == JobSize::large && ran < limits_.large);
    const bool too_long = (size == JobSize::small && ran > limits_.medium) ||
                          (size == JobSize::medium && ran > limits_.large);
    table_.add(static_cast<int>(size), site, ran, too_short, too_long);
  }

  /// Throws `std::bad_alloc`.
  [[nodiscard]] SizeReport snapshot() const {
    SizeReport all;
    // Each to its place, behind its equals. Not stable_sort, which libstdc++ 12 builds on what
    // C++17 deprecated, and clang warns of it.
    const auto worse = [](const SizeSite& a, const SizeSite& b) {
      return a.misclassified() > b.misclassified();
    };
    for (const detail::site_counts& row : table_.rows()) {
      const SizeSite one{row.site,     static_cast<JobSize>(row.size),
                         row.jobs,     row.too_short,
                         row.too_long, row.shortest,
                         row.longest};
      all.sites.insert(std::upper_bound(all.sites.begin(), all.sites.end(), one, worse), one);
    }
    const detail::site_counts others = table_.others();
    all.unlisted = others.jobs;
    all.jobs = others.jobs;
    all.misclassified = others.too_short + others.too_long;
    for (const SizeSite& one : all.sites) {
      all.jobs += one.jobs;
      all.misclassified += one.misclassified();
    }
    return all;
  }

  /// A line for each site with misclassified jobs, and one for those without room if they had any.
  void print(std::ostream& to) const {
    const SizeReport all = snapshot();
    for (const SizeSite& one : all.sites) {
      if (one.misclassified() == 0) continue;
      to << one.site.file_name() << ':' << one.site.line() << ": " << name_of(one.size) << ": "
         << one.misclassified() << " of " << one.jobs << " jobs misclassified";
      if (one.too_short != 0) to << ", " << one.too_short << " too short";
      if (one.too_long != 0) to << ", " << one.too_long << " too long";
      to << ", " << detail::time_text(one.shortest) << " to " << detail::time_text(one.longest)
         << '\n';
    }
    if (const detail::site_counts others = table_.others(); others.too_short + others.too_long != 0)
      to << "elsewhere: " << others.too_short + others.too_long << " of " << others.jobs
         << " jobs misclassified, of sites beyond the " << all.sites.size() << " listed\n";
  }

 private:
  [[noreturn]] static void refuse(const char* field, std::chrono::nanoseconds::rep value,
                                  const char* right) {
    throw std::invalid_argument(std::string("millrace::SizeCheck: ") + field + " is " +
                                std::to_string(value) + " ns, should be " + right);
  }

  const SizeLimits limits_;
  detail::size_table table_;
};

}  // namespace millrace
