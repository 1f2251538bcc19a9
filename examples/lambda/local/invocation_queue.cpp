#include "invocation_queue.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "text/json.hpp"

namespace lambda::local {
namespace {

// Enough to tell a late or doubled reply from one with an id that never was.
constexpr std::size_t most_remembered = 256;

std::string iso_time(Clock::time_point time) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(ms % 1000));
  return std::string(date.data()) + fraction.data();
}

std::string error_body(const std::string& type, const std::string& message) {
  const nlohmann::ordered_json body = {{"errorType", type}, {"errorMessage", message}};
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

std::string durations_text(std::chrono::duration<double, std::milli> duration) {
  // In hundredths from the start, so that 63.002 ms isn't printed as 63.00 and billed as 64.
  const long long hundredths = std::llround(duration.count() * 100);
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "Duration: %lld.%02lld ms\tBilled Duration: %lld ms",
                hundredths / 100, hundredths % 100, (hundredths + 99) / 100);
  return text.data();
}

InvocationQueue::InvocationQueue(std::chrono::milliseconds timeout, QueueHooks hooks,
                                 std::size_t concurrency)
    : timeout_(timeout), hooks_(std::move(hooks)), concurrency_(concurrency) {}

std::string InvocationQueue::submit(Submission submission, Clock::time_point now) {
  std::string id = make_uuid();
  queue_.push_back({id, std::move(submission)});
  deliver_next(now);
  return id;
}

bool InvocationQueue::poll(std::function<void(Delivery)> deliver, Clock::time_point now,
                           std::uint64_t connection) {
  if (running_.size() >= concurrency_) return false;
  polled_ = true;
  waiting_.push_back({connection, std::move(deliver)});
  // One too many: whoever sent the oldest has given it up.
  if (waiting_.size() + running_.size() > concurrency_) waiting_.pop_front();
  deliver_next(now);
  return true;
}

void InvocationQueue::forget_poll(std::uint64_t connection) {
  std::erase_if(waiting_, [&](const Poll& poll) { return poll.connection == connection; });
}

void InvocationQueue::deliver_next(Clock::time_point now) {
  if (queue_.empty() || !waiting() || running_.size() >= concurrency_) return;
  Entry entry = std::move(queue_.front());
  queue_.pop_front();
  const Poll poll = std::move(waiting_.front());
  waiting_.pop_front();
  const Running& running = running_.emplace_back(Running{
      entry.request_id, make_uuid(), now, now + timeout_, std::move(entry.submission.answer)});
  hooks_.started(running.request_id);
  poll.deliver({running.request_id, running.invocation_id, std::move(entry.submission.trace_id),
                std::move(entry.submission.client_context), std::move(entry.submission.event),
                running.deadline});
}

std::list<InvocationQueue::Running>::const_iterator InvocationQueue::find(
    std::string_view request_id) const {
  return std::find_if(running_.begin(), running_.end(),
                      [&](const Running& r) { return r.request_id == request_id; });
}

Verdict InvocationQueue::judge(std::string_view request_id, std::string_view invocation_id) const {
  if (const auto running = find(request_id); running != running_.end()) {
    const bool stale = !invocation_id.empty() && invocation_id != running->invocation_id;
    return stale ? Verdict::unknown_request : Verdict::accepted;
  }
  const auto ended = std::find_if(ended_.begin(), ended_.end(),
                                  [&](const Ended& e) { return e.request_id == request_id; });
  return ended == ended_.end() ? Verdict::unknown_request : ended->verdict;
}

Verdict InvocationQueue::respond(std::string_view request_id, std::string_view invocation_id,
                                 std::string body, Clock::time_point now) {
  if (const Verdict verdict = judge(request_id, invocation_id); verdict != Verdict::accepted) {
    return verdict;
  }
  if (body.size() > most_reply_bytes) {
    const std::string message = "Response payload size (" + std::to_string(body.size()) +
                                " bytes) exceeded maximum allowed payload size (" +
                                std::to_string(most_reply_bytes) + " bytes).";
    finish(request_id,
           {.body = error_body("Function.ResponseSizeTooLarge", message), .function_error = true},
           Verdict::wrong_state, "error", message, now);
    return Verdict::too_large;
  }
  finish(request_id, {.body = std::move(body)}, Verdict::wrong_state, "success", {}, now);
  return Verdict::accepted;
}

Verdict InvocationQueue::stream(std::string_view request_id, std::string_view invocation_id,
                                StreamedReply reply, Clock::time_point now) {
  if (const Verdict verdict = judge(request_id, invocation_id); verdict != Verdict::accepted) {
    return verdict;
  }
  const bool too_large = reply.body.size() > most_streamed_bytes;
  const bool failed = too_large || !reply.error_type.empty();
  if (too_large) reply.body.resize(most_streamed_bytes);
  std::string note = "RequestId: " + std::string(request_id) + " Error: ";
  if (too_large) {
    note += "streamed reply larger than " + std::to_string(most_streamed_bytes) + " bytes";
  } else if (failed) {
    constexpr text::JsonLimits limits{.max_bytes = std::size_t{1} << 20, .max_depth = 100};
    const auto error = text::read_json(reply.error_body, limits).value;
    note += reply.error_type + " after the reply had begun";
    if (error.is_object()) note += ": " + error.value("errorMessage", nlohmann::json()).dump();
  } else {
    note.clear();
  }
  finish(request_id,
         {.body = std::move(reply.body),
          .content_type = std::move(reply.content_type),
          .cut_short = failed},
         Verdict::wrong_state, failed ? "error" : "success", std::move(note), now);
  return too_large ? Verdict::too_large : Verdict::accepted;
}

Verdict InvocationQueue::fail(std::string_view request_id, std::string_view invocation_id,
                              std::string body, Clock::time_point now) {
  if (const Verdict verdict = judge(request_id, invocation_id); verdict != Verdict::accepted) {
    return verdict;
  }
  finish(request_id, {.body = std::move(body), .function_error = true}, Verdict::wrong_state,
         "error", {}, now);
  return Verdict::accepted;
}

void InvocationQueue::process_started() {
  polled_ = false;
  blamed_ = false;
  init_error_.clear();
}

void InvocationQueue::process_exited(const std::string& how, Clock::time_point now) {
  waiting_.clear();
  const auto exit_error = [&](const std::string& id) {
    return "RequestId: " + id + " Error: Runtime exited " +
           (how == "exit status 0" ? "without providing a reason" : "with error: " + how);
  };
  if (running()) {
    // All that are running now: a caller may call again from inside its answer.
    for (auto count = running_.size(); count > 0; --count) {
      const std::string id = running_.front().request_id;
      const std::string message = exit_error(id);
      finish(id, {.body = error_body("Runtime.ExitError", message), .function_error = true},
             Verdict::too_late, "error", message, now);
    }
  } else if (!polled_ && !blamed_ && !queue_.empty()) {
    const std::string message = exit_error(queue_.front().request_id);
    fail_first(init_error_.empty() ? error_body("Runtime.ExitError", message) : init_error_,
               "error", message, now);
  }
}

void InvocationQueue::deadline_passed(Clock::time_point now) {
  if (!running()) return;
  const std::string id = running_.front().request_id;
  const std::string text = timeout_text(id, now);
  finish(id, {.body = nlohmann::json{{"errorMessage", text}}.dump(), .function_error = true},
         Verdict::too_late, "timeout", text, now);
}

void InvocationQueue::process_stuck(Clock::time_point now) {
  if (running() || queue_.empty()) return;
  waiting_.clear();
  blamed_ = true;
  const std::string text = timeout_text(queue_.front().request_id, now);
  fail_first(nlohmann::json{{"errorMessage", text}}.dump(), "timeout", text, now);
}

std::string InvocationQueue::timeout_text(const std::string& request_id,
                                          Clock::time_point now) const {
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%.2f",
                std::chrono::duration<double>(timeout_).count());
  return iso_time(now) + " " + request_id + " Task timed out after " + seconds.data() + " seconds";
}

void InvocationQueue::fail_first(const std::string& body, const std::string& status,
                                 std::string note, Clock::time_point now) {
  Entry entry = std::move(queue_.front());
  queue_.pop_front();
  running_.push_back({entry.request_id, {}, now, now, std::move(entry.submission.answer)});
  hooks_.started(entry.request_id);
  finish(entry.request_id, {.body = body, .function_error = true}, Verdict::too_late, status,
         std::move(note), now);
}

void InvocationQueue::finish(std::string_view request_id, Answer answer, Verdict further,
                             std::string status, std::string note, Clock::time_point now) {
  const auto place = find(request_id);
  Running ended = *place;
  running_.erase(place);
  ended_.push_back({ended.request_id, further});
  if (ended_.size() > most_remembered) ended_.pop_front();
  hooks_.finished({ended.request_id, now - ended.start, std::move(status), std::move(note)});
  answer.request_id = std::move(ended.request_id);
  ended.answer(answer);
}

std::optional<Clock::time_point> InvocationQueue::deadline() const {
  if (!running()) return std::nullopt;
  return running_.front().deadline;
}

std::string make_uuid() {
  static std::mt19937_64 random{std::random_device{}()};
  const std::uint64_t high = (random() & ~0xF000ULL) | 0x4000ULL;         // version 4
  const std::uint64_t low = (random() & ~(3ULL << 62U)) | (2ULL << 62U);  // variant 1
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(high >> 32U), static_cast<unsigned>(high >> 16U & 0xFFFFU),
                static_cast<unsigned>(high & 0xFFFFU), static_cast<unsigned>(low >> 48U),
                static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFULL));
  return text.data();
}

}  // namespace lambda::local
