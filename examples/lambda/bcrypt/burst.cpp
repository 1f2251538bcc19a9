#include "bcrypt/burst.hpp"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bcrypt/batch.hpp"
#include "bcrypt/password_hash.hpp"
#include "compute/stop.hpp"
#include "event/fields.hpp"

namespace lambda::bcrypt {
namespace {

using Clock = std::chrono::steady_clock;
using Range = tbb::blocked_range<std::size_t>;

constexpr std::size_t most_items = 1000;
constexpr int least_cost = 4;
constexpr int most_cost = 14;  // 16 times the default's: the best part of a second

struct Item {
  int cost = 0;
  std::thread::id thread;
  Clock::time_point start;
  Clock::time_point end;
};

std::vector<Item> parse_items(const Event& event) {
  const std::string what = "an array of 1 to " + std::to_string(most_items) + " costs";
  const auto given = event.find("costs");
  if (given == event.end()) event::refuse("\"costs\" is missing; it must be " + what);
  if (!given->is_array() || given->empty() || given->size() > most_items) {
    event::refuse("\"costs\" must be " + what + ", not " + event::show(*given));
  }
  std::vector<Item> items;
  for (const auto& cost : *given) {
    if (!cost.is_number_integer() || cost < least_cost || cost > most_cost) {
      event::refuse("costs[" + std::to_string(items.size()) + "] must be a whole number from " +
                    std::to_string(least_cost) + " to " + std::to_string(most_cost) + ", not " +
                    event::show(cost));
    }
    items.push_back({.cost = cost.get<int>(), .thread = {}, .start = {}, .end = {}});
  }
  return items;
}

void hash_range(std::vector<Item>& items, const Range& range, const std::stop_token& stop) {
  for (std::size_t i = range.begin(); i < range.end(); ++i) {
    compute::throw_if_stopped(stop);
    Item& item = items[i];
    item.thread = std::this_thread::get_id();
    item.start = Clock::now();
    static_cast<void>(hash_password(password(i), item.cost));
    item.end = Clock::now();
  }
}

// Whole microseconds.
double ms_between(Clock::time_point start, Clock::time_point end) {
  const std::chrono::duration<double, std::milli> ms = end - start;
  return std::round(ms.count() * 1000) / 1000;
}

nlohmann::json story(const std::vector<Item>& items) {
  std::vector<const Item*> by_start;
  for (const auto& item : items) by_start.push_back(&item);
  std::sort(by_start.begin(), by_start.end(),
            [](const Item* a, const Item* b) { return a->start < b->start; });
  const auto zero = by_start.front()->start;
  auto end = zero;
  std::map<std::thread::id, int> workers;
  auto lines = nlohmann::json::array();
  for (const auto* item : by_start) {
    const auto worker = workers.try_emplace(item->thread, static_cast<int>(workers.size()));
    end = std::max(end, item->end);
    lines.push_back({{"item", item - items.data()},
                     {"cost", item->cost},
                     {"worker", worker.first->second},
                     {"start_ms", ms_between(zero, item->start)},
                     {"end_ms", ms_between(zero, item->end)}});
  }
  return {{"items", std::move(lines)},
          {"threads_used", workers.size()},
          {"duration_ms", ms_between(zero, end)}};
}

}  // namespace

asio::awaitable<nlohmann::json> handle_burst(Event event, Context /*context*/,
                                             millrace::ComputePool<>& pool) {
  event::allow_only(event, {"costs", "schedule"});
  auto items = parse_items(event);
  const bool stealing = event::choice(event, "schedule", {"stealing", "static"}) == 0;
  auto work = [&items, stealing](std::stop_token stop) {
    const Range all{0, items.size(), 1};
    const auto body = [&](const Range& range) { hash_range(items, range, stop); };
    if (stealing) {
      tbb::parallel_for(all, body, tbb::simple_partitioner{});
    } else {
      tbb::parallel_for(all, body, tbb::static_partitioner{});
    }
  };
  co_await pool.install(std::move(work));
  auto reply = story(items);
  reply["schedule"] = stealing ? "stealing" : "static";
  reply["workers"] = pool.num_threads();
  co_return reply;
}

}  // namespace lambda::bcrypt
