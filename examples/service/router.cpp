#include "router.hpp"

#include <prometheus/text_serializer.h>

#include <asio/error.hpp>
#include <charconv>
#include <exception>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include "jobs.hpp"
#include "millrace/error.hpp"
#include "page.hpp"
#include "runtime/log.hpp"

namespace service {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view timeout_header = "X-Request-Timeout-Ms";
constexpr int most_timeout_ms = 600'000;

steady_clock::time_point parse_deadline(const Request& request) {
  const std::string_view text = request.timeout;
  if (text.empty()) return millrace::JobOptions::never;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 ||
      value > most_timeout_ms) {
    throw Refusal(400, std::string(timeout_header) + " must be 1 to " +
                           std::to_string(most_timeout_ms) + " whole milliseconds, not \"" +
                           std::string(text) + '"');
  }
  return request.read_at + milliseconds(value);
}

// Without parameters: `application/json; charset=utf-8`.
std::string media_type(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return type;
}

void check(const RouteInfo& route, const Request& request, std::size_t max_body) {
  if (request.body.size() > max_body) {
    throw Refusal(413, "the body has " + std::to_string(request.body.size()) + " bytes; at most " +
                           std::to_string(max_body) + " are allowed");
  }
  if (media_type(request.content_type) != route.content_type) {
    throw Refusal(415, "Content-Type must be " + std::string(route.content_type) + ", not \"" +
                           std::string(request.content_type) + '"');
  }
}

Reply run(Route route, const Request& request, const std::stop_token& stop) {
  switch (route) {
    case Route::hash:
      return hash(request, stop);
    case Route::filter:
      return filter(request, stop);
    default:
      return stats(request, stop);
  }
}

Reply too_late() {
  return error_reply(504, "the request's time was over before its answer was there");
}

Reply busy(std::string_view why) {
  Reply reply = error_reply(503, why);
  reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

// What went wrong, as the client learns it; what isn't its business goes to the log.
Reply reply_to(const std::exception_ptr& error, steady_clock::time_point deadline) {
  const bool late = steady_clock::now() >= deadline;
  try {
    std::rethrow_exception(error);
  } catch (const Refusal& refusal) {
    return error_reply(refusal.status(), refusal.what());
  } catch (const std::system_error& failed) {
    if (failed.code() == millrace::errc::queue_full) return busy("the queue is full");
    if (late || failed.code() == millrace::errc::deadline_exceeded) return too_late();
    if (failed.code() == asio::error::operation_aborted) return busy("the request was given up");
    lambda::log_error("request failed", {{"error", failed.what()}});
  } catch (const std::exception& failed) {
    lambda::log_error("request failed", {{"error", failed.what()}});
  }
  return error_reply(500, "internal error");
}

}  // namespace

Router::Router(const Options& options, millrace::ComputePool<>& pool, Ledger& ledger, Live& live)
    : options_(&options),
      pool_(&pool),
      pool_metrics_(pool, "compute"),
      ledger_(&ledger),
      live_(&live) {}

asio::awaitable<Reply> Router::answer(Route route, Request request) {
  const RouteInfo& about = info(route);
  if (route == Route::unknown) {
    co_return error_reply(404, "nothing at " + std::string(request.path));
  }
  if (request.method != about.method) {
    Reply reply = error_reply(405, std::string(about.path) + " wants " + std::string(about.method));
    reply.headers.emplace_back("Allow", about.method);
    co_return reply;
  }
  switch (route) {
    case Route::page:
      co_return Reply{200, "text/html; charset=utf-8", std::string(page()), {}};
    case Route::health:
      co_return Reply{200, "text/plain; charset=utf-8", "ok\n", {}};
    case Route::metrics:
      co_return metrics();
    case Route::live:
      co_return live();
    default:
      co_return co_await compute(route, request);
  }
}

asio::awaitable<Reply> Router::compute(Route route, const Request& request) {
  auto deadline = millrace::JobOptions::never;
  std::exception_ptr error;
  try {
    check(info(route), request, options_->max_body);
    deadline = parse_deadline(request);
    Reply reply;
    if (options_->compute_inline) {
      reply = run(route, request, {});
    } else {
      const millrace::JobOptions job{.deadline = deadline, .label = info(route).path};
      // Named: g++ 12 destroys the captures of a temporary in a co_await expression twice.
      auto work = [route, &request](std::stop_token stop) { return run(route, request, stop); };
      reply = co_await pool_->install(job, std::move(work));
    }
    co_return steady_clock::now() < deadline ? std::move(reply) : too_late();
  } catch (...) {
    error = std::current_exception();
  }
  co_return reply_to(error, deadline);
}

Reply Router::metrics() const {
  auto families = ledger_->registry().Collect();
  for (auto& family : pool_metrics_.Collect()) families.push_back(std::move(family));
  return {200,
          "text/plain; version=0.0.4; charset=utf-8",
          prometheus::TextSerializer().Serialize(families),
          {}};
}

Reply Router::live() const {
  auto body = live_->json();
  body["totals"] = ledger_->computing_totals();
  body["inline"] = options_->compute_inline;
  Reply reply{200, "application/json", body.dump(), {}};
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

}  // namespace service
