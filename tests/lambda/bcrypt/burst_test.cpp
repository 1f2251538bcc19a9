#include "bcrypt/burst.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lambda/support/files.hpp"
#include "runtime/error.hpp"
#include "support/catch.hpp"

using nlohmann::json;

namespace {

json invoke(const json& event, int threads = 2) {
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = threads}};
  return test::run(lambda::bcrypt::handle_burst(event, {}, pool));
}

std::string error_of(const json& event) {
  return test::message_of<lambda::HandlerError>([&] { return invoke(event); });
}

}  // namespace

TEST_CASE("burst: every item has its place in the story and no worker does two at once") {
  for (const auto* schedule : {"stealing", "static"}) {
    json costs = json::array();
    for (int i = 0; i < 40; ++i) costs.push_back(i < 8 ? 7 : 4);
    const auto reply = invoke({{"costs", costs}, {"schedule", schedule}});
    CHECK(reply.at("schedule") == schedule);
    CHECK(reply.at("workers") == 2);
    std::set<int> items;
    std::set<int> workers;
    std::map<int, double> free_at;
    double last = 0;
    for (const auto& item : reply.at("items")) {
      const int index = item.at("item");
      const int worker = item.at("worker");
      items.insert(index);
      workers.insert(worker);
      CHECK(item.at("cost") == costs.at(static_cast<std::size_t>(index)));
      CHECK(item.at("start_ms").get<double>() >= free_at[worker]);
      CHECK(item.at("end_ms") > item.at("start_ms"));
      free_at[worker] = item.at("end_ms");
      last = std::max(last, free_at[worker]);
    }
    CHECK(items.size() == 40);
    CHECK(*items.rbegin() == 39);
    CHECK(reply.at("items")[0]["start_ms"] == 0);
    CHECK(reply.at("items")[0]["worker"] == 0);
    CHECK(reply.at("threads_used") == workers.size());
    CHECK(reply.at("duration_ms") == last);
  }
}

TEST_CASE("burst: one worker does the items in order") {
  const auto reply = invoke({{"costs", {4, 5, 4}}, {"schedule", "stealing"}}, 1);
  CHECK(reply.at("threads_used") == 1);
  for (std::size_t i = 0; i < 3; ++i) CHECK(reply.at("items")[i]["item"] == i);
}

TEST_CASE("burst: a malformed event is refused") {
  const std::string must = "\"costs\" must be an array of 1 to 1000 costs, not ";
  CHECK(error_of({{"schedule", "static"}}) ==
        "\"costs\" is missing; it must be an array of 1 to 1000 costs");
  CHECK(error_of({{"costs", 7}, {"schedule", "static"}}) == must + "7");
  CHECK(error_of({{"costs", json::array()}, {"schedule", "static"}}) == must + "[]");
  CHECK(error_of({{"costs", json(std::vector<int>(1001, 4))}, {"schedule", "static"}})
            .starts_with(must + "[4,4,"));
  CHECK(error_of({{"costs", {4, 15}}, {"schedule", "static"}}) ==
        "costs[1] must be a whole number from 4 to 14, not 15");
  CHECK(error_of({{"costs", {3}}, {"schedule", "static"}}) ==
        "costs[0] must be a whole number from 4 to 14, not 3");
  CHECK(error_of({{"costs", {4.5}}, {"schedule", "static"}}) ==
        "costs[0] must be a whole number from 4 to 14, not 4.5");
  CHECK(error_of({{"costs", {4}}}) ==
        "\"schedule\" is missing; it must be \"stealing\" or \"static\"");
  CHECK(error_of({{"costs", {4}}, {"schedule", "static"}, {"count", 1}}) ==
        "unknown field \"count\" in the event; it may have costs and schedule");
}
