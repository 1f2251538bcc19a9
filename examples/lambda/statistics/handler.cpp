#include "statistics/handler.hpp"

#include <stop_token>
#include <utility>

#include "statistics/request.hpp"
#include "statistics/statistics.hpp"

namespace lambda::statistics {
namespace {

nlohmann::json to_json(const Report& report) {
  auto processed = nlohmann::json::array();
  for (const double result : report.results) {
    processed.push_back({{"result", result}, {"classification", classify(result)}});
  }
  const auto& stats = report.statistics;
  return {{"processed", std::move(processed)},
          {"stats", {{"count", stats.count}, {"mean", stats.mean}, {"std_dev", stats.std_dev}}}};
}

}  // namespace

asio::awaitable<nlohmann::json> handle(Event event, Context context,
                                       millrace::ComputePool<>& pool) {
  // Named because g++ 12 destroys the captures of a temporary in a co_await expression twice. The
  // event goes along, so that a worker frees it.
  auto work = [event = std::move(event)](std::stop_token stop) {
    const auto request = parse_request(event);
    return to_json(compute(request.points, request.algorithm, stop));
  };
  auto reply = co_await pool.install(std::move(work));
  context.report({{"items", reply["stats"]["count"]}});
  co_return reply;
}

}  // namespace lambda::statistics
