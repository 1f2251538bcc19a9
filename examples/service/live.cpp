#include "live.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace service {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t kept_seconds = 120;
constexpr unsigned looks_per_second = 4;
// More in one second are not looked at for percentiles: it is a bound for the time that takes.
constexpr std::size_t most_samples = 20'000;

// The nearest rank; 0 for none.
double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto rank = std::ceil(share * static_cast<double>(values.size()));
  const auto at =
      values.begin() + std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(rank), 1) - 1;
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double rounded(double value) {
  return std::round(value * 100) / 100;
}

}  // namespace

Live::Live(asio::io_context& context, const millrace::ComputePool<>& pool)
    : pool_(&pool), timer_(context) {}

void Live::start() {
  second_began_ = steady_clock::now();
  timer_.expires_at(second_began_);
  wait();
}

void Live::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Live::wait() {
  // From now if it is late: what was missed isn't looked at afterwards.
  timer_.expires_at(std::max(timer_.expiry() + 1000ms / looks_per_second, steady_clock::now()));
  timer_.async_wait([this](const std::error_code&) {
    if (stopped_) return;
    look();
    wait();
  });
}

void Live::look() {
  const auto now = steady_clock::now();
  const auto metrics = pool_->metrics();
  const std::lock_guard lock(mutex_);
  second_.queue = std::max(second_.queue, metrics.pending);
  second_.busy += static_cast<double>(metrics.active);
  if (++looks_ == looks_per_second) close_second(now);
}

void Live::close_second(steady_clock::time_point now) {
  using std::chrono::system_clock;
  const double took = std::chrono::duration<double>(now - second_began_).count();
  for (double* count : {&second_.ok, &second_.rejected, &second_.late, &second_.failed}) {
    *count = rounded(*count / took);
  }
  second_.busy = rounded(second_.busy / looks_);
  second_.p50_ms = rounded(percentile(took_ms_, 0.5));
  second_.p99_ms = rounded(percentile(took_ms_, 0.99));
  second_.ends_at_ms =
      std::chrono::floor<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
  seconds_.push_back(std::exchange(second_, {}));
  if (seconds_.size() > kept_seconds) seconds_.pop_front();
  took_ms_.clear();
  looks_ = 0;
  second_began_ = now;
}

void Live::record(int status, steady_clock::duration took) {
  const std::lock_guard lock(mutex_);
  switch (status) {
    case 200:
      ++second_.ok;
      if (took_ms_.size() < most_samples) {
        took_ms_.push_back(std::chrono::duration<double, std::milli>(took).count());
      }
      break;
    case 503:
      ++second_.rejected;
      break;
    case 504:
      ++second_.late;
      break;
    default:
      ++second_.failed;
  }
}

nlohmann::json Live::json() const {
  const auto metrics = pool_->metrics();
  auto seconds = nlohmann::json::array();
  const std::lock_guard lock(mutex_);
  for (const Second& one : seconds_) {
    seconds.push_back({{"ends_at_ms", one.ends_at_ms},
                       {"ok", one.ok},
                       {"rejected", one.rejected},
                       {"late", one.late},
                       {"failed", one.failed},
                       {"p50_ms", one.p50_ms},
                       {"p99_ms", one.p99_ms},
                       {"queue", one.queue},
                       {"busy", one.busy}});
  }
  return {{"seconds", std::move(seconds)},
          {"queue", metrics.pending},
          {"queue_limit", pool_->config().max_pending},
          {"workers", pool_->num_threads()},
          {"busy", metrics.active}};
}

}  // namespace service
