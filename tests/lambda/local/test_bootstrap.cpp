// A Lambda that does what its event says, good or bad.

#include <unistd.h>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "runtime/runtime.hpp"

namespace {

using nlohmann::json;

json describe(const lambda::Context& context) {
  return {{"request_id", context.request_id},         {"remaining_ms", context.remaining().count()},
          {"arn", context.invoked_function_arn},      {"trace_id", context.trace_id},
          {"client_context", context.client_context}, {"invocation_id", context.invocation_id}};
}

[[noreturn]] void never_end() {
  for (;;) ::pause();
}

asio::awaitable<json> do_as_told(lambda::Event event, lambda::Context context,
                                 millrace::ComputePool<>& pool) {
  const std::string command = event.value("do", "echo");
  if (command == "echo") co_return event;
  if (command == "compute") co_return co_await pool.execute([] { return 6 * 7; });
  if (command == "context") co_return describe(context);
  if (command == "env") {
    const char* value = std::getenv(event.at("name").get<std::string>().c_str());
    co_return value == nullptr ? json() : json(value);
  }
  if (command == "pid") co_return ::getpid();
  if (command == "throw") throw lambda::HandlerError("AsToldTo", "thrown as told");
  if (command == "signal") std::raise(event.at("number").get<int>());
  if (command == "exit") std::_Exit(event.at("status").get<int>());
  if (command == "hang") {
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
  }
  if (command == "block") never_end();
  if (command == "leave child") {
    if (::fork() == 0) never_end();
    co_return "left";
  }
  if (command == "size") {
    // Two bytes are the quotes.
    co_return std::string(event.at("bytes").get<std::size_t>() - 2, 'x');
  }
  throw std::logic_error("unknown command " + command);
}

}  // namespace

int main() {
  return lambda::run(&do_as_told);
}
