#include "support/suite.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <utility>

#include "support/placement.hpp"

namespace bench {

namespace {

using group = std::vector<const variant*>;

// "thread_pool" selects "thread_pool-post" too, unless there is one of exactly that name.
bool selected(const std::vector<std::string>& wanted, const std::string& name,
              const std::vector<variant>& all) {
  if (wanted.empty()) return true;
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& one) {
    if (name == one) return true;
    const bool exact =
        std::any_of(all.begin(), all.end(), [&](const variant& v) { return v.rival == one; });
    return !exact && name.starts_with(one + '-');
  });
}

bool selected(const std::vector<int>& wanted, int value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

std::vector<group> groups_of(const std::vector<variant>& all, const options& wanted) {
  std::vector<group> groups;
  for (const variant& one : all) {
    const auto& problems = wanted.problems;
    if (!problems.empty() &&
        std::find(problems.begin(), problems.end(), one.problem) == problems.end())
      continue;
    if (!selected(wanted.rivals, one.rival, all) || !selected(wanted.workers, one.workers) ||
        !selected(wanted.in_flight, one.in_flight))
      continue;
    const bool same = !groups.empty() && groups.back().front()->problem == one.problem &&
                      groups.back().front()->workers == one.workers &&
                      groups.back().front()->in_flight == one.in_flight;
    if (!same) groups.emplace_back();
    groups.back().push_back(&one);
  }
  return groups;
}

void show(int round, int rounds, const variant& one) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::fprintf(stderr, "\r\033[Kround %d of %d: %s, %s, %d worker(s)", round + 1, rounds,
               one.problem.c_str(), one.rival.c_str(), one.workers);
}

}  // namespace

std::vector<row> suite::run(const options& wanted) const {
  const auto groups = groups_of(variants_, wanted);
  if (groups.empty()) throw std::runtime_error("nothing selected; --list shows what there is");

  pin_threads = wanted.pin;
  std::vector<row> rows;
  std::map<std::pair<const variant*, std::string>, std::size_t> row_of;
  for (const auto& members : groups) {
    for (int round = 0; round < wanted.rounds; ++round) {
      for (std::size_t i = 0; i < members.size(); ++i) {
        const auto turn = i + static_cast<std::size_t>(round + wanted.rotate);
        const variant& one = *members[turn % members.size()];
        show(round, wanted.rounds, one);
        release_threads();
        for (auto& got : one.run(wanted.time.value_or(one.time))) {
          const auto [at, is_new] = row_of.try_emplace({&one, got.metric}, rows.size());
          if (is_new)
            rows.push_back(
                {one.problem, one.rival, one.workers, one.in_flight, got.metric, got.unit, {}});
          rows[at->second].values.push_back(got.value);
        }
      }
    }
  }
  if (::isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
  return rows;
}

void suite::list() const {
  for (const variant& one : variants_)
    std::printf("%-16s %-24s workers %d  in flight %d\n", one.problem.c_str(), one.rival.c_str(),
                one.workers, one.in_flight);
}

}  // namespace bench
