#include "millrace/size_check.hpp"

#include <chrono>
#include <memory>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/manual_clock.hpp"

using namespace std::chrono_literals;
using millrace::JobSize;
using millrace::NoSizeCheck;
using millrace::SizeCheck;
using test::ManualClock;

namespace {

using Check = SizeCheck<ManualClock>;

// How many of one job of this size and length are too short and too long.
std::pair<std::uint64_t, std::uint64_t> judged(JobSize size, std::chrono::nanoseconds ran) {
  Check check;
  check.record(size, std::source_location::current(), ran);
  const auto report = check.snapshot();
  REQUIRE(report.jobs == 1);
  REQUIRE(report.sites.size() == 1);
  CHECK(report.misclassified == report.sites[0].misclassified());
  return {report.sites[0].too_short, report.sites[0].too_long};
}

const std::pair<std::uint64_t, std::uint64_t> right{0, 0};
const std::pair<std::uint64_t, std::uint64_t> too_short{1, 0};
const std::pair<std::uint64_t, std::uint64_t> too_long{0, 1};

}  // namespace

TEST_CASE("a job is misclassified by how long it ran [P45]") {
  CHECK(judged(JobSize::small, 0ns) == right);
  CHECK(judged(JobSize::small, 100us) == right);
  CHECK(judged(JobSize::small, 100us + 1ns) == too_long);
  CHECK(judged(JobSize::small, 5ms) == too_long);
  CHECK(judged(JobSize::medium, 100us - 1ns) == too_short);
  CHECK(judged(JobSize::medium, 100us) == right);
  CHECK(judged(JobSize::medium, 1ms) == right);
  CHECK(judged(JobSize::medium, 1ms + 1ns) == too_long);
  CHECK(judged(JobSize::large, 1ms - 1ns) == too_short);
  CHECK(judged(JobSize::large, 1ms) == right);
  CHECK(judged(JobSize::large, 1h) == right);
}

TEST_CASE("the callable is measured and nothing else [P45]") {
  Check check;
  auto job = check.around(JobSize::small, std::source_location::current(), [] {
    ManualClock::advance(300us);
    return std::make_unique<int>(3);
  });
  ManualClock::advance(1s);  // as if it waited
  const std::unique_ptr<int> result = std::move(job)();
  ManualClock::advance(1s);
  CHECK(*result == 3);
  const auto report = check.snapshot();
  REQUIRE(report.sites.size() == 1);
  CHECK(report.sites[0].too_long == 1);
  CHECK(report.sites[0].shortest == 300us);
  CHECK(report.sites[0].longest == 300us);
}

TEST_CASE("a job that throws is measured [P45]") {
  Check check;
  auto job = check.around(JobSize::large, std::source_location::current(), []() -> int {
    ManualClock::advance(1us);
    throw std::domain_error("no");
  });
  CHECK_THROWS_AS(std::move(job)(), std::domain_error);
  CHECK(check.snapshot().misclassified == 1);
}

TEST_CASE("what is measured takes a stop token where its callable does") {
  Check check;
  const auto at = std::source_location::current();
  auto with = check.around(JobSize::small, at, [](std::stop_token s) { return s.stop_possible(); });
  auto without = check.around(JobSize::small, at, [] { return 1; });
  static_assert(millrace::StoppableJob<decltype(with)>);
  static_assert(millrace::Job<decltype(without)> && !millrace::StoppableJob<decltype(without)>);
  const std::stop_source source;
  CHECK(std::move(with)(source.get_token()));
}

TEST_CASE("a job that never runs is not counted") {
  Check check;
  static_cast<void>(check.around(JobSize::small, std::source_location::current(), [] {}));
  CHECK(check.snapshot().jobs == 0);
}

TEST_CASE("jobs are counted by call site and size [P45]") {
  Check check;
  const auto here = std::source_location::current();
  const auto there = std::source_location::current();
  check.record(JobSize::small, here, 1ms);
  check.record(JobSize::small, here, 1us);
  check.record(JobSize::small, there, 2us);
  check.record(JobSize::medium, here, 2ms);
  check.record(JobSize::medium, here, 1us);
  const auto report = check.snapshot();
  CHECK(report.jobs == 5);
  CHECK(report.misclassified == 3);
  REQUIRE(report.sites.size() == 3);
  // The worst first.
  CHECK(report.sites[0].size == JobSize::medium);
  CHECK(report.sites[0].site.line() == here.line());
  CHECK(report.sites[0].too_short == 1);
  CHECK(report.sites[0].too_long == 1);
  CHECK(report.sites[0].shortest == 1us);
  CHECK(report.sites[0].longest == 2ms);
  CHECK(report.sites[1].jobs == 2);
  CHECK(report.sites[2].site.line() == there.line());
  CHECK(report.sites[2].misclassified() == 0);
}

TEST_CASE("two sizes at one site are told apart in a table that is full") {
  Check check({}, 2);
  const auto here = std::source_location::current();
  check.record(JobSize::small, here, 1us);
  check.record(JobSize::large, here, 2ms);
  check.record(JobSize::small, here, 1us);
  const auto report = check.snapshot();
  CHECK(report.unlisted == 0);
  REQUIRE(report.sites.size() == 2);
  CHECK(report.sites[0].jobs + report.sites[1].jobs == 3);
  CHECK(report.sites[0].size != report.sites[1].size);
}

TEST_CASE("sites beyond the bound are counted together") {
  Check check({}, 1);
  const auto first = std::source_location::current();
  const auto second = std::source_location::current();
  const auto third = std::source_location::current();
  check.record(JobSize::small, first, 1us);
  check.record(JobSize::small, second, 1ms);
  check.record(JobSize::small, third, 1us);
  check.record(JobSize::small, first, 1ms);
  const auto report = check.snapshot();
  CHECK(report.jobs == 4);
  CHECK(report.misclassified == 2);
  CHECK(report.unlisted == 2);
  REQUIRE(report.sites.size() == 1);
  CHECK(report.sites[0].jobs == 2);
}

TEST_CASE("a check prints a line for each site with misclassified jobs") {
  Check check({}, 2);
  const auto here = std::source_location::current();
  const auto right_one = std::source_location::current();
  const auto beyond = std::source_location::current();
  check.record(JobSize::medium, here, 2'500us);
  check.record(JobSize::medium, here, 20us);
  check.record(JobSize::medium, here, 200us);
  check.record(JobSize::small, right_one, 1us);
  check.record(JobSize::small, beyond, 1ms);
  std::ostringstream text;
  check.print(text);
  const std::string where = here.file_name() + std::string(":") + std::to_string(here.line());
  CHECK(text.str() ==
        where +
            ": medium: 2 of 3 jobs misclassified, 1 too short, 1 too long, 20.0 us to "
            "2.50 ms\nelsewhere: 1 of 1 jobs misclassified, of sites beyond the 2 "
            "listed\n");
}

TEST_CASE("other limits judge otherwise") {
  Check check({.medium = 10us, .large = 20us});
  const auto here = std::source_location::current();
  check.record(JobSize::small, here, 11us);
  check.record(JobSize::large, here, 20us);
  CHECK(check.snapshot().misclassified == 1);
}

TEST_CASE("limits that make no sense are refused by field and value") {
  CHECK_THROWS_WITH(Check({.medium = 0us}),
                    "millrace::SizeCheck: medium is 0 ns, should be more than 0 ns");
  CHECK_THROWS_WITH(Check({.medium = 2us, .large = 1us}),
                    "millrace::SizeCheck: large is 1000 ns, should be at least `medium`");
  CHECK_THROWS_WITH(Check({}, 0), "millrace::SizeCheck: most_sites is 0, should be at least 1");
}

TEST_CASE("threads that record and look lose nothing [P45]") {
  constexpr int threads = 4;
  constexpr int each = 500;
  SizeCheck<> check({}, 2);
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < threads; ++i) {
      all.emplace_back([&, i] {
        const auto first = std::source_location::current();
        const auto second = std::source_location::current();
        const auto third = std::source_location::current();
        for (int n = 0; n < each; ++n) {
          check.record(JobSize::small,
                       n % 3 == 0   ? first
                       : n % 3 == 1 ? second
                                    : third,
                       n % 2 == 0 ? 1us : 1ms);
          if (i == 0 && n % 50 == 0) static_cast<void>(check.snapshot());
        }
      });
    }
  }
  const auto report = check.snapshot();
  CHECK(report.jobs == threads * each);
  CHECK(report.misclassified == threads * each / 2);
}

TEST_CASE("without a check the callable is run as it is") {
  const auto job = [own = std::make_shared<int>(1)] { return *own; };
  const auto at = std::source_location::current();
  static_assert(std::is_same_v<decltype(NoSizeCheck::around(JobSize::small, at, job)),
                               const std::remove_const_t<decltype(job)>&>);
  CHECK(&NoSizeCheck::around(JobSize::small, at, job) == &job);
  static_assert(std::is_empty_v<NoSizeCheck>);
}
