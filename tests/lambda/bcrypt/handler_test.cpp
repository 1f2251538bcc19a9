#include "bcrypt/handler.hpp"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>

#include "lambda/support/files.hpp"
#include "lambda/support/reported.hpp"
#include "support/catch.hpp"

using nlohmann::json;

namespace {

json invoke(int count, const std::string& mode, int threads) {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = threads}};
  return test::run(lambda::bcrypt::handle({{"count", count}, {"mode", mode}}, {}, pool));
}

}  // namespace

TEST_CASE("bcrypt handler: the reply has every field that was promised") {
  const auto reply = invoke(3, "parallel", 2);
  std::set<std::string> fields;
  for (const auto& [name, value] : reply.items()) fields.insert(name);
  CHECK(fields == std::set<std::string>{"processed", "duration_ms", "mode", "workers",
                                        "detected_cpus", "avg_ms_per_item", "memory_used_kb",
                                        "threads_used"});
  CHECK(reply["processed"] == 3);
  CHECK(reply["mode"] == "parallel");
  CHECK(reply["workers"] == 2);
  CHECK(reply["detected_cpus"] == millrace::usable_cpus());
  CHECK(reply["duration_ms"].is_number_integer());
  CHECK(reply["duration_ms"] > 0);
  const double average = reply["avg_ms_per_item"];
  CHECK(std::abs(average - reply["duration_ms"].get<double>() / 3) <= 0.005);
  CHECK(std::round(average * 100) == Approx(average * 100).epsilon(1e-12));
  CHECK(reply["memory_used_kb"].is_number_integer());
  CHECK(reply["memory_used_kb"] > 1000);
  CHECK(reply["memory_used_kb"] < 1'000'000);
  CHECK((reply["threads_used"] == 1 || reply["threads_used"] == 2));
}

TEST_CASE("bcrypt handler: the report counts the hashes") {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = 1}};
  const auto context = test::reporting_context();
  static_cast<void>(
      test::run(lambda::bcrypt::handle({{"count", 2}, {"mode", "auto"}}, context, pool)));
  CHECK(*context.report_fields == json{{"items", 2}});
}

TEST_CASE("bcrypt handler: the mode in the reply is the one that was used") {
  CHECK(invoke(2, "auto", 2)["mode"] == "parallel");
  CHECK(invoke(2, "auto", 1)["mode"] == "sequential");
  const auto sequential = invoke(2, "sequential", 2);
  CHECK(sequential["mode"] == "sequential");
  CHECK(sequential["threads_used"] == 1);
}
