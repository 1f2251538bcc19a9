#include "aws/retry.hpp"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

namespace lambda::aws {
namespace {

using std::chrono::milliseconds;

asio::awaitable<void> sleep_on_timer(milliseconds delay) {
  asio::steady_timer timer(co_await asio::this_coro::executor, delay);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

RetryOptions with_defaults(RetryOptions options) {
  if (!options.sleep) options.sleep = &sleep_on_timer;
  if (!options.now) options.now = &std::chrono::system_clock::now;
  return options;
}

std::optional<milliseconds> retry_after(std::string_view header, TimePoint now) {
  unsigned seconds = 0;
  const char* const end = header.data() + header.size();
  const auto [stop, error] = std::from_chars(header.data(), end, seconds);
  if (!header.empty() && error == std::errc{} && stop == end) return std::chrono::seconds(seconds);
  const auto date = parse_http_date(header);
  if (!date) return std::nullopt;
  return std::max(milliseconds::zero(), std::chrono::duration_cast<milliseconds>(*date - now));
}

std::optional<milliseconds> Retry::failed(std::string_view retry_after_header) {
  auto delay = backoff_.failed();
  if (!delay) return std::nullopt;
  const TimePoint now = options_.now();
  if (const auto asked = retry_after(retry_after_header, now)) {
    delay = std::max(*delay, std::min(*asked, options_.longest_wait));
  }
  if (now + *delay - begin_ >= options_.total) return std::nullopt;
  return delay;
}

}  // namespace lambda::aws
