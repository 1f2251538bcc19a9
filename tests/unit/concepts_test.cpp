#include "millrace/concepts.hpp"

#include <functional>
#include <memory>
#include <stop_token>
#include <type_traits>

#include "millrace/instrumentation.hpp"
#include "support/catch.hpp"

namespace {

struct OnlyAsRvalue {
  int operator()() && { return 1; }
  void operator()() const& = delete;
};
struct NeedsArgument {
  void operator()(int) const {}
};
struct Immovable {
  Immovable() = default;
  Immovable(Immovable&&) = delete;
  void operator()() const {}
};
struct ThrowingPolicy {
  struct record {};
  void submitted(record&) {}  // not noexcept
  void started(record&) noexcept {}
  void finished(record&, bool) noexcept {}
};

}  // namespace

TEST_CASE("a Job can be moved and called with nothing") {
  STATIC_REQUIRE(millrace::Job<void (*)()>);
  STATIC_REQUIRE(millrace::Job<OnlyAsRvalue>);
  STATIC_REQUIRE(millrace::Job<std::function<int()>&>);
  STATIC_REQUIRE_FALSE(millrace::Job<NeedsArgument>);
  STATIC_REQUIRE_FALSE(millrace::Job<Immovable>);
  STATIC_REQUIRE_FALSE(millrace::Job<int>);
}

TEST_CASE("a StoppableJob takes its stop token in any way") {
  STATIC_REQUIRE(millrace::StoppableJob<void (*)(std::stop_token)>);
  STATIC_REQUIRE(millrace::StoppableJob<void (*)(const std::stop_token&)>);
  STATIC_REQUIRE(millrace::StoppableJob<void (*)(std::stop_token&&)>);
  STATIC_REQUIRE(millrace::StoppableJob<void (*)(std::stop_token&)>);
  STATIC_REQUIRE_FALSE(millrace::StoppableJob<void (*)()>);
  STATIC_REQUIRE_FALSE(millrace::StoppableJob<void (*)(int)>);
  STATIC_REQUIRE(std::is_same_v<millrace::job_result_t<int (*)(std::stop_token&&)>, int>);
  STATIC_REQUIRE(
      std::is_same_v<millrace::job_result_t<decltype(&std::stop_token::stop_possible)>, bool>);
}

TEST_CASE("a job's result is a value, void, or a reference_wrapper") {
  STATIC_REQUIRE(std::is_same_v<millrace::job_value_t<void>, void>);
  STATIC_REQUIRE(std::is_same_v<millrace::job_value_t<const int>, int>);
  STATIC_REQUIRE(std::is_same_v<millrace::job_value_t<int&&>, int>);
  STATIC_REQUIRE(std::is_same_v<millrace::job_value_t<int&>, std::reference_wrapper<int>>);
  STATIC_REQUIRE(
      std::is_same_v<millrace::job_value_t<const int&>, std::reference_wrapper<const int>>);
  STATIC_REQUIRE(
      std::is_same_v<millrace::job_result_t<std::unique_ptr<int> (*)()>, std::unique_ptr<int>>);
}

TEST_CASE("a policy that may throw is no InstrumentationPolicy") {
  STATIC_REQUIRE(millrace::InstrumentationPolicy<millrace::ComputeMetrics>);
  STATIC_REQUIRE(millrace::InstrumentationPolicy<millrace::NoMetrics>);
  STATIC_REQUIRE_FALSE(millrace::InstrumentationPolicy<ThrowingPolicy>);
}
