// A Lambda that does what its event says, good or bad.

#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/log.hpp"
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

/// Waits until `count` invocations are here at once.
asio::awaitable<json> meet(std::size_t count) {
  static std::vector<std::shared_ptr<asio::steady_timer>> here;
  const auto executor = co_await asio::this_coro::executor;
  here.push_back(
      std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max()));
  const auto mine = here.back();
  if (here.size() == count) {
    for (const auto& waiting : here) waiting->expires_at(asio::steady_timer::time_point::min());
  }
  const std::size_t number = here.size();
  asio::error_code ignored;
  co_await mine->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return number;
}

/// Computes until it is told to stop, and gives up then.
asio::awaitable<json> compute_until_stopped(millrace::ComputePool<>& pool) {
  auto work = [](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
    throw std::system_error(std::make_error_code(std::errc::operation_canceled), "compute");
  };
  co_await pool.install(std::move(work));
  co_return nullptr;
}

asio::awaitable<void> stream(lambda::Event event, lambda::ResponseStream& out) {
  if (event.contains("status")) {
    out.prelude(event["status"], {{"X-From", "function"}}, {"a=1", "b=2"});
  }
  if (event.value("fail", "") == "before") throw lambda::HandlerError("AsToldTo", "before");
  for (const json& part : event.at("parts")) {
    // A number asks for as many bytes, a text is written as it is.
    const std::string bytes =
        part.is_number() ? std::string(part.get<std::size_t>(), 'x') : part.get<std::string>();
    co_await out.write(bytes);
  }
  if (event.value("fail", "") == "after") throw lambda::HandlerError("AsToldTo", "after");
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
  if (command == "meet") {
    json reply = {{"tag", event.at("tag")}};
    reply["number"] = co_await meet(event.at("count"));
    co_return reply;
  }
  if (command == "compute until stopped") co_return co_await compute_until_stopped(pool);
  if (command == "compute for ever") {
    co_return co_await pool.execute([]() -> bool { never_end(); });
  }
  if (command == "wait for stop token") {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (!context.stop_token.stop_requested()) {
      timer.expires_after(std::chrono::milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
    }
    co_return "saw it";
  }
  if (command == "report") {
    context.report({{"items", 1000}, {"status", "mine"}});
    co_return nullptr;
  }
  if (command == "throw with text") throw lambda::HandlerError("AsToldTo", event.at("text"));
  if (command == "throw on the side") {
    auto work = [](std::string text) -> asio::awaitable<void> {
      throw std::runtime_error(text);
      co_return;
    };
    asio::co_spawn(co_await asio::this_coro::executor, work(event.at("text")),
                   [](std::exception_ptr error) { std::rethrow_exception(error); });
    co_return nullptr;
  }
  if (command == "no utf-8") co_return event.at("text").get<std::string>() + "\xFF";
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

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "stream") {
    return lambda::run([](lambda::Event event, lambda::Context, millrace::ComputePool<>&,
                          lambda::ResponseStream& out) { return stream(std::move(event), out); });
  }
  auto options = lambda::RunOptions::from_env();
  if (mode == "graceful") {
    options.graceful_stop.emplace();
    options.graceful_stop->callback = []() -> asio::awaitable<void> {
      asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
      lambda::log_info("callback has run");
    };
  }
  return lambda::run(&do_as_told, options);
}
