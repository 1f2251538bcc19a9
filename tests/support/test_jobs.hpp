#pragma once

#include <functional>
#include <utility>

#include "millrace/detail/job.hpp"

namespace test {

// A job for tests of what carries jobs: tells what was done with it, but for its release.
class Job final : public millrace::detail::job {
 public:
  using action = std::function<void(step)>;

  explicit Job(int number = 0, action act = {})
      : job(&Job::act), number_(number), action_(std::move(act)) {}

  [[nodiscard]] int number() const { return number_; }

  const void* comes_home_to = nullptr;

 private:
  static const void* act(job& base, step which) {
    auto& self = static_cast<Job&>(base);
    if (which == step::home) return self.comes_home_to;
    if (which == step::release) return nullptr;
    const action last = self.action_;  // which may end the job's life
    if (last) last(which);
    return nullptr;
  }

  int number_;
  action action_;
};

}  // namespace test
