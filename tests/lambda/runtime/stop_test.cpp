// Deadlines, several invocations at a time, and the end of the process, against a scripted API.

#include <unistd.h>

#include <asio/error.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>

#include "lambda/support/scripted_server.hpp"
#include "runtime/invocation_stop.hpp"
#include "runtime/runtime.hpp"
#include "support/catch.hpp"

using lambda::Context;
using lambda::Event;
using lambda::RunOptions;
using lambda::detail::InvocationStop;
using namespace lambda::testing;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Pool = millrace::ComputePool<>;

namespace {

Step event(const std::string& id, milliseconds left = milliseconds(60'000)) {
  const auto deadline =
      std::chrono::duration_cast<milliseconds>((Context::Clock::now() + left).time_since_epoch());
  return reply(200,
               {{"Lambda-Runtime-Aws-Request-Id", id},
                {"Lambda-Runtime-Deadline-Ms", std::to_string(deadline.count())}},
               "{}");
}

RunOptions options_for(const ScriptedServer& server) {
  RunOptions options;
  options.client.api = server.address();
  options.worker_count = "1";
  return options;
}

std::string error_type(const Received& request) {
  return std::string(request.headers.get("Lambda-Runtime-Function-Error-Type"));
}

/// Makes `handle` when the pool's worker is there: its start mustn't be what a deadline measures.
template <class Handle>
auto with_warm_pool(Handle handle) {
  return [handle](Pool& pool) {
    pool.execute_sync([] {});
    return handle;
  };
}

void compute_until(std::stop_token stop) {
  while (!stop.stop_requested()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("deadline: running and waiting jobs are stopped and the next event is served",
          "[deadline]") {
  const ScriptedServer server(
      {event("r-0", seconds(2)), reply(202), event("r-1"), reply(202), reply(500)});
  int calls = 0;
  std::atomic<bool> token_seen = false;
  std::atomic<bool> second_ran = false;
  const auto handle = [&](Event, Context context, Pool& pool) -> asio::awaitable<json> {
    if (++calls > 1) co_return "served";
    auto first = [&](std::stop_token stop) {
      compute_until(stop);
      token_seen = context.stop_token.stop_requested();
    };
    auto second = [&] { second_ran = true; };
    using namespace asio::experimental::awaitable_operators;
    // The second waits behind the first, on the only worker.
    co_await (pool.execute(first) && pool.execute(second));
    co_return nullptr;
  };
  lambda::run(with_warm_pool(handle), options_for(server));
  const auto requests = server.requests();
  REQUIRE(requests.size() == 5);
  CHECK(error_type(requests[1]) == "Function.DeadlineExceeded");
  CHECK_THAT(json::parse(requests[1].body)["errorMessage"].get<std::string>(),
             Catch::StartsWith("the invocation was stopped 200 ms before its deadline") &&
                 !Catch::Contains("the handler threw"));
  CHECK(token_seen);
  CHECK_FALSE(second_ran);
  CHECK(requests[3].body == "\"served\"");
}

TEST_CASE("deadline: a handler that ends by itself replies", "[deadline]") {
  const ScriptedServer server({event("r-0", seconds(2)), reply(202), reply(500)});
  const auto handle = [](Event, Context context, Pool& pool) -> asio::awaitable<json> {
    auto work = [token = context.stop_token] { compute_until(token); };
    co_await pool.execute(std::move(work));
    co_return "partial";
  };
  lambda::run(with_warm_pool(handle), options_for(server));
  CHECK(server.requests().at(1).body == "\"partial\"");
}

TEST_CASE("deadline: what else the handler throws is told, too", "[deadline]") {
  asio::io_context context;
  const auto stop = std::make_shared<InvocationStop>(context.get_executor());
  stop->watch(Context::Clock::now() - seconds(1), milliseconds(200));
  context.run();
  const auto thrown = stop->describe(std::make_exception_ptr(std::out_of_range("x")));
  CHECK(thrown.type == "Function.DeadlineExceeded");
  CHECK_THAT(thrown.message, Catch::EndsWith("; the handler threw Function.OutOfRange: x"));
  const std::error_code code = GENERATE(std::error_code(asio::error::operation_aborted),
                                        std::make_error_code(std::errc::operation_canceled));
  const auto aborted = stop->describe(std::make_exception_ptr(std::system_error(code)));
  CHECK_THAT(aborted.message, !Catch::Contains("threw"));
}

TEST_CASE("deadline: one that has passed, or none", "[deadline]") {
  asio::io_context context;
  const auto stop = std::make_shared<InvocationStop>(context.get_executor());
  SECTION("passed") {
    stop->watch(Context::Clock::now() - std::chrono::hours(1), milliseconds(200));
    context.run();
    CHECK(stop->token().stop_requested());
  }
  SECTION("none") {
    stop->watch(Context::Clock::time_point::max(), milliseconds(200));
    CHECK(context.run() == 0);
    CHECK_FALSE(stop->token().stop_requested());
  }
  SECTION("far, and the handler has ended") {
    stop->watch(Context::Clock::now() + std::chrono::hours(1), milliseconds(200));
    stop->handler_ended();
    context.run();
    CHECK_FALSE(stop->token().stop_requested());
    stop->cancel();
    CHECK_FALSE(stop->token().stop_requested());
  }
}

TEST_CASE("deadline: an exception from before is reported as it is", "[deadline]") {
  asio::io_context context;
  const auto stop = std::make_shared<InvocationStop>(context.get_executor());
  const auto error = std::make_exception_ptr(std::out_of_range("x"));
  CHECK(stop->describe(error).type == "Function.OutOfRange");
  stop->cancel();
  CHECK(stop->describe(error).type == "Function.ProcessStopped");
}

TEST_CASE("options: what is out of bounds is an init error", "[options]") {
  const ScriptedServer server({reply(202)});
  RunOptions options = options_for(server);
  std::string name;
  SECTION("concurrency") {
    options.max_concurrency = GENERATE(0, 1001);
    name = "max_concurrency must be a whole number from 1 to 1000";
  }
  SECTION("margin") {
    options.deadline_margin = milliseconds(GENERATE(-1, 60'001));
    name = "deadline_margin must be a whole number from 0 to 60000";
  }
  SECTION("pool") {
    options.worker_count.clear();
    options.compute.threads = 0;
    name = "threads";
  }
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return nullptr; };
  CHECK(lambda::run(handle, options) == EXIT_FAILURE);
  const auto request = server.requests().at(0);
  CHECK(request.target == "/2018-06-01/runtime/init/error");
  CHECK_THAT(json::parse(request.body)["errorMessage"].get<std::string>(), Catch::Contains(name));
}

TEST_CASE("options: they come from the environment", "[options]") {
  ::setenv("AWS_LAMBDA_MAX_CONCURRENCY", "7", 1);
  ::setenv("LAMBDA_DEADLINE_MARGIN_MS", "0", 1);
  const RunOptions options = RunOptions::from_env();
  ::setenv("AWS_LAMBDA_MAX_CONCURRENCY", "", 1);
  ::unsetenv("LAMBDA_DEADLINE_MARGIN_MS");
  CHECK(options.max_concurrency == 7);
  CHECK(options.deadline_margin == milliseconds(0));
  CHECK(options.configuration_error.empty());
  const RunOptions plain = RunOptions::from_env();
  ::unsetenv("AWS_LAMBDA_MAX_CONCURRENCY");
  CHECK(plain.max_concurrency == 1);
  CHECK(plain.deadline_margin == milliseconds(200));
  CHECK_FALSE(plain.graceful_stop);
}

TEST_CASE("factory: one may take the executor, and its handler goes before the context",
          "[factory]") {
  const ScriptedServer server({event("r-0"), reply(202), reply(500)});
  struct Keeper {
    explicit Keeper(const asio::any_io_executor& executor) : timer(executor) {}
    asio::awaitable<json> operator()(Event, Context, Pool&) {
      timer.expires_after(milliseconds(0));
      co_await timer.async_wait(asio::use_awaitable);
      co_return "kept";
    }
    asio::steady_timer timer;
  };
  const auto factory = [](asio::any_io_executor executor, Pool&) { return Keeper(executor); };
  lambda::run(factory, options_for(server));
  CHECK(server.requests().at(1).body == "\"kept\"");
}

TEST_CASE("connection: one is kept for all events and replies", "[run]") {
  const ScriptedServer server(
      {event("r-0"), reply(202), event("r-1"), reply(202), event("r-2"), reply(202), reply(500)});
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return nullptr; };
  lambda::run(handle, options_for(server));
  for (const auto& request : server.requests()) CHECK(request.connection == 1);
}

TEST_CASE("concurrency: as many polls as asked for are open at once", "[concurrency]") {
  // None is answered, so no poll follows another; SIGTERM ends them.
  const ScriptedServer server({reply(403), raw("", Step::Then::hang), raw("", Step::Then::hang),
                               raw("", Step::Then::hang)});
  RunOptions options = options_for(server);
  options.max_concurrency = 3;
  options.graceful_stop.emplace();
  bool all_came = false;
  std::thread stopper([&] {
    all_came = server.wait_for_requests(4);
    ::kill(::getpid(), SIGTERM);
  });
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return nullptr; };
  CHECK(lambda::run(handle, options) == EXIT_SUCCESS);
  stopper.join();
  CHECK(all_came);
}

TEST_CASE("stop: the extension is registered before the first poll", "[stop]") {
  const ScriptedServer server({reply(200, {{"Lambda-Extension-Identifier", "e-1"}}, "{}"),
                               raw("", Step::Then::hang), raw("", Step::Then::hang)});
  RunOptions options = options_for(server);
  options.graceful_stop.emplace();
  options.graceful_stop->extension_name = "mine";
  bool called = false;
  options.graceful_stop->callback = [&]() -> asio::awaitable<void> {
    called = true;
    co_return;
  };
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return nullptr; };
  std::thread killer([&] {
    static_cast<void>(server.wait_for_requests(3));
    ::kill(::getpid(), SIGTERM);
  });
  CHECK(lambda::run(handle, options) == EXIT_SUCCESS);
  killer.join();
  CHECK(called);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].target == "/2020-01-01/extension/register");
  CHECK(requests[0].headers.get("Lambda-Extension-Name") == "mine");
  CHECK(requests[0].body == R"({"events":[]})");
  // These two come in either order.
  const bool poll_last = requests[2].target == "/2018-06-01/runtime/invocation/next";
  const auto& ready = poll_last ? requests[1] : requests[2];
  CHECK(ready.target == "/2020-01-01/extension/event/next");
  CHECK(ready.headers.get("Lambda-Extension-Identifier") == "e-1");
}

TEST_CASE("stop: without a registration it serves all the same", "[stop]") {
  const ScriptedServer server({reply(403), event("r-0"), reply(202), reply(500)});
  RunOptions options = options_for(server);
  options.graceful_stop.emplace();
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return "served"; };
  CHECK(lambda::run(handle, options) == EXIT_FAILURE);
  CHECK(server.requests().at(2).body == "\"served\"");
}

TEST_CASE("failure: 500 to one of several polls ends all of them", "[failure]") {
  const ScriptedServer server({raw("", Step::Then::hang), reply(500)});
  RunOptions options = options_for(server);
  options.max_concurrency = 2;
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return nullptr; };
  CHECK(lambda::run(handle, options) == EXIT_FAILURE);
}

TEST_CASE("failure: what is under way when the API is gone is stopped", "[failure]") {
  const ScriptedServer server({event("r-0", seconds(600)), reply(500)});
  RunOptions options = options_for(server);
  options.max_concurrency = 2;
  const auto handle = [](Event, Context, Pool& pool) -> asio::awaitable<json> {
    auto work = [](std::stop_token stop) { compute_until(stop); };
    co_await pool.execute(std::move(work));
    co_return nullptr;
  };
  CHECK(lambda::run(handle, options) == EXIT_FAILURE);
}

TEST_CASE("failure: a reply that doesn't get through twice ends, and nothing is polled",
          "[failure]") {
  const ScriptedServer server({event("r-0"), raw(""), raw(""), raw(""), event("r-1")});
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return nullptr; };
  CHECK(lambda::run(handle, options_for(server)) == EXIT_FAILURE);
  // curl itself repeats a request that a kept connection has swallowed.
  CHECK(server.requests().size() == 4);
}

TEST_CASE("failure: an init error that nobody takes ends all the same", "[failure]") {
  const ScriptedServer server({}, false);
  RunOptions options = options_for(server);
  options.worker_count = "x";
  const auto handle = [](Event, Context, Pool&) -> asio::awaitable<json> { co_return nullptr; };
  CHECK(lambda::run(handle, options) == EXIT_FAILURE);
}
