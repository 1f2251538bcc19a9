// Streams squares while they are computed, and says goodbye when Lambda ends the process.
#include <cstdint>
#include <stop_token>
#include <string>

#include "runtime/log.hpp"
#include "runtime/runtime.hpp"

asio::awaitable<void> handle(lambda::Event event, lambda::Context context,
                             millrace::ComputePool<>& pool, lambda::ResponseStream& out) {
  const auto count = event.value("count", std::uint64_t{10});
  out.content_type("text/plain");
  for (std::uint64_t n = 1; n <= count; ++n) {
    auto square = [n](std::stop_token stop) { return stop.stop_requested() ? 0 : n * n; };
    const std::string line = std::to_string(co_await pool.execute(square)) + "\n";
    co_await out.write(line);  // waits when the caller is slower than we are
  }
  context.report({{"items", count}});
}

int main() {
  auto options = lambda::RunOptions::from_env();
  options.max_concurrency = 1;
  options.graceful_stop.emplace();
  options.graceful_stop->callback = []() -> asio::awaitable<void> {
    lambda::log_info("goodbye");
    co_return;
  };
  return lambda::run(handle, options);
}
