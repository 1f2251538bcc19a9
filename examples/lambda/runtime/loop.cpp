#include "loop.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/this_coro.hpp>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "log.hpp"

namespace lambda::detail {
namespace {

using std::chrono::milliseconds;

// Between SIGTERM and SIGKILL Lambda leaves 500 ms. Invocations that look at their stop token have
// the first part, what is cancelled and the callback the rest.
constexpr milliseconds until_cancel{150};
constexpr milliseconds until_callback{300};
constexpr milliseconds until_leaving{450};
// Nobody waits for a reply any more when the Runtime API is gone.
constexpr milliseconds until_leaving_after_failure{1'000};

std::string what_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

Loop::Loop(const RunOptions& options)
    : options_(options), client_(context_.get_executor(), options.client), signals_(context_) {}

int Loop::init_failed(std::exception_ptr error) {
  const ErrorReport report = describe(std::move(error));
  // Without an event yet there is none that the message could quote.
  log_error("init failed", {{"errorType", report.type}, {"errorMessage", report.message}});
  asio::co_spawn(context_, client_.post_init_error(report), [this](std::exception_ptr failure) {
    if (failure) log_error("could not report it", {{"error", what_of(failure)}});
    context_.stop();
  });
  run_context();
  return EXIT_FAILURE;
}

int Loop::serve(const Function& function) {
  last_metrics_ = function.metrics();
  const auto start = [this, &function] {
    init_duration_ = std::chrono::steady_clock::now() - start_;
    polling_ = static_cast<std::size_t>(options_.max_concurrency);
    for (std::size_t i = 0; i < polling_; ++i) {
      Poller& poller = *pollers_.emplace_back(std::make_unique<Poller>());
      asio::co_spawn(
          context_, poll(poller, function),
          asio::bind_cancellation_slot(poller.signal.slot(), [this](std::exception_ptr error) {
            poller_ended(std::move(error));
          }));
    }
  };
  if (options_.graceful_stop) {
    asio::co_spawn(context_, prepare_graceful_stop(), [start](std::exception_ptr) { start(); });
  } else {
    start();
  }
  run_context();
  if (failure_ == nullptr) return EXIT_SUCCESS;
  log_error("stopped serving", {{"error", what_of(failure_)}});
  return EXIT_FAILURE;
}

void Loop::run_context() {
  context_.restart();
  while (!context_.stopped()) {
    try {
      context_.run();
    } catch (...) {
      // From a handler that the function has started on the side; the invocations go on. Its
      // message may quote an event.
      log_error("exception outside of any invocation",
                {{"errorType", describe(std::current_exception()).type}});
    }
  }
}

asio::awaitable<void> Loop::poll(Poller& poller, const Function& function) {
  while (!stopping_) {
    std::optional<Invocation> invocation;
    poller.waiting = true;
    try {
      invocation = co_await client_.next();
    } catch (const std::system_error& e) {
      // What `next` leaves to its caller is only the end.
      if (!stopping_ || e.code() != asio::error::operation_aborted) throw;
    }
    poller.waiting = false;
    if (!invocation) co_return;
    if (stopping_) {
      // It came at the very moment in which we stopped asking, and has to be served still.
      co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    }
    co_await serve_one(std::move(*invocation), function);
  }
}

asio::awaitable<void> Loop::prepare_graceful_stop() {
  signals_.add(SIGTERM);
  on_signal();
  std::string why;
  try {
    std::string id = co_await client_.register_extension(options_.graceful_stop->extension_name);
    auto ready = client_.extension_ready(std::move(id));
    // Answered at the end of the process, or never.
    asio::co_spawn(context_, std::move(ready), [](std::exception_ptr) {});
  } catch (const std::exception& e) {
    why = e.what();
  }
  if (!why.empty()) {
    log_warn("no graceful stop: the extension could not be registered", {{"error", why}});
  }
}

void Loop::on_signal() {
  signals_.async_wait([this](const std::error_code& error, int) {
    if (error || stopping_) return;
    log_info("stopping", {{"signal", "SIGTERM"}, {"invocations", running_.size()}});
    stopping_ = true;
    for (const auto& invocation : running_) invocation->announce();
    after(until_cancel, &Loop::cancel_invocations);
    after(until_callback, &Loop::finish);
    after(until_leaving, &Loop::leave);
    stop_polling();
  });
}

void Loop::poller_ended(std::exception_ptr error) {
  --polling_;
  if (error && !stopping_) fail(std::move(error));
  if (polling_ == 0) finish();
}

void Loop::fail(std::exception_ptr error) {
  failure_ = std::move(error);
  stopping_ = true;
  stop_polling();
  cancel_invocations();
  after(until_leaving_after_failure, &Loop::leave);
}

void Loop::stop_polling() {
  for (const auto& poller : pollers_) {
    if (poller->waiting) poller->signal.emit(asio::cancellation_type::terminal);
  }
}

void Loop::cancel_invocations() {
  // A copy, because an invocation may end, and leave the set, while it is cancelled.
  const auto running = running_;
  for (const auto& invocation : running) invocation->cancel();
}

void Loop::after(milliseconds delay, void (Loop::*what)()) {
  auto timer = std::make_shared<asio::steady_timer>(context_, delay);
  timer->async_wait([this, timer, what](const std::error_code& error) {
    if (!error) (this->*what)();
  });
}

void Loop::finish() {
  if (std::exchange(finishing_, true)) return;
  const auto end = [this](std::exception_ptr error) {
    if (error) log_error("the stop callback failed", {{"error", what_of(error)}});
    if (polling_ == 0) {
      context_.stop();
    } else {
      leave();
    }
  };
  const bool has_callback =
      failure_ == nullptr && options_.graceful_stop && options_.graceful_stop->callback != nullptr;
  if (has_callback) {
    asio::co_spawn(context_, options_.graceful_stop->callback(), end);
  } else {
    end(nullptr);
  }
}

void Loop::leave() {
  // To unwind it would have to wait for jobs that don't stop.
  log_warn("abandoned what does not stop", {{"invocations", running_.size()}});
  std::quick_exit(failure_ == nullptr ? EXIT_SUCCESS : EXIT_FAILURE);
}

int run_from_env(const std::function<int(const RunOptions&)>& run) {
  try {
    return run(RunOptions::from_env());
  } catch (const std::exception& e) {
    // Nobody to report it to: without an address there is no init error.
    log_error(e.what());
    return EXIT_FAILURE;
  }
}

}  // namespace lambda::detail
