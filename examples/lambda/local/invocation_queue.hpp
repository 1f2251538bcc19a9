#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace lambda::local {

using Clock = std::chrono::system_clock;

/// Largest reply of a function, as Lambda has it: 6 MiB and a little for the envelope.
inline constexpr std::size_t most_reply_bytes = 6'291'556;
/// Largest event of a synchronous invocation.
inline constexpr std::size_t most_event_bytes = 6'291'456;
/// Largest reply that is streamed.
inline constexpr std::size_t most_streamed_bytes = 200 * 1024 * 1024;

/// What the caller of the function gets; the HTTP status is 200 also when the function failed.
struct Answer {
  std::string request_id = {};
  std::string body = {};
  bool function_error = false;
  std::string content_type = "application/json";
  /// The function failed after its reply had begun: there is no place left to say so, the body just
  /// ends too soon.
  bool cut_short = false;
};

/// A reply that was streamed, as far as it came.
struct StreamedReply {
  std::string content_type;
  std::string body;
  std::string error_type;  ///< Of the trailers; empty if the function didn't fail.
  std::string error_body;  ///< Of the trailers, decoded: JSON.
};

/// One call of the function.
struct Submission {
  std::string event;
  std::string client_context;
  std::string trace_id;
  std::function<void(const Answer&)> answer;
};

/// What `GET /next` returns.
struct Delivery {
  std::string request_id;
  std::string invocation_id;
  std::string trace_id;
  std::string client_context;
  std::string event;
  Clock::time_point deadline;
};

/// What a reply is answered with; the values are the HTTP statuses.
enum class Verdict {
  accepted = 202,
  unknown_request = 400,  ///< An id that was never given out, or a stale invocation id.
  wrong_state = 403,      ///< This request has been replied to already.
  too_late = 410,         ///< It has timed out, or its process has ended.
  too_large = 413,        ///< The caller has been told.
};

/// For the log: how an invocation ended.
struct Report {
  std::string request_id;
  std::chrono::duration<double, std::milli> duration{};
  std::string status;  ///< `success`, `error`, `timeout`
  std::string note;    ///< A line for the log, or empty.
};

/// `Duration: 63.01 ms\tBilled Duration: 64 ms`, as in a REPORT line of Lambda's log: milliseconds
/// to the hundredth and, of what stands there, rounded up to whole ones.
std::string durations_text(std::chrono::duration<double, std::milli> duration);

struct QueueHooks {
  std::function<void(const std::string& request_id)> started;
  std::function<void(const Report&)> finished;
};

/// The state machine of the local Runtime API: invocations wait here, go to `bootstrap` in their
/// order, up to `concurrency` at a time, and end in exactly one of these ways: a reply, an error, a
/// reply that is too large, a timeout, the death of the process.
///
/// It knows neither sockets nor processes nor timers; whoever does tells it what happened, and what
/// time it is.
///
/// **Completes**: every submission's `answer` is called once, never from inside `submit`, unless
/// the queue is destroyed first. **Thread safety**: none.
class InvocationQueue {
 public:
  InvocationQueue(std::chrono::milliseconds timeout, QueueHooks hooks, std::size_t concurrency = 1);

  // --- the caller's side ---

  /// Takes a call in; hands it on at once if `bootstrap` is waiting. Returns its request id.
  std::string submit(Submission submission, Clock::time_point now);

  // --- bootstrap's side ---

  /// `GET /next` on a connection. `deliver` is called once, now or later, or never if the process
  /// dies or polls more often than `concurrency` allows, in which case the oldest poll is
  /// forgotten. False (403): as many invocations as it may take are not replied to.
  bool poll(std::function<void(Delivery)> deliver, Clock::time_point now,
            std::uint64_t connection = 0);

  /// The connection of a waiting poll is closed.
  void forget_poll(std::uint64_t connection = 0);

  Verdict respond(std::string_view request_id, std::string_view invocation_id, std::string body,
                  Clock::time_point now);
  Verdict fail(std::string_view request_id, std::string_view invocation_id, std::string body,
               Clock::time_point now);
  Verdict stream(std::string_view request_id, std::string_view invocation_id, StreamedReply reply,
                 Clock::time_point now);
  void init_failed(std::string body) { init_error_ = std::move(body); }

  // --- the process's side ---

  /// A process was started.
  void process_started();

  /// The process has ended, e.g. with `signal: killed`. What it was working on fails; if it never
  /// asked for an event, so does the first in the queue, which would wait for ever otherwise.
  void process_exited(const std::string& how, Clock::time_point now);

  /// The first deadline of a running invocation has passed. The process must be killed.
  void deadline_passed(Clock::time_point now);

  /// The process has let the first in the queue wait for too long. It must be killed.
  void process_stuck(Clock::time_point now);

  // --- state ---

  /// The first of those that are running.
  [[nodiscard]] std::optional<Clock::time_point> deadline() const;
  [[nodiscard]] bool running() const { return !running_.empty(); }
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }
  [[nodiscard]] bool has_polled() const { return polled_; }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }

 private:
  struct Entry {
    std::string request_id;
    Submission submission;
  };
  struct Running {
    std::string request_id;
    std::string invocation_id;
    Clock::time_point start;
    Clock::time_point deadline;
    std::function<void(const Answer&)> answer;
  };
  struct Poll {
    std::uint64_t connection;
    std::function<void(Delivery)> deliver;
  };
  struct Ended {
    std::string request_id;
    Verdict verdict;  // of a further reply
  };

  void deliver_next(Clock::time_point now);
  [[nodiscard]] Verdict judge(std::string_view request_id, std::string_view invocation_id) const;
  [[nodiscard]] std::list<Running>::const_iterator find(std::string_view request_id) const;
  void finish(std::string_view request_id, Answer answer, Verdict further, std::string status,
              std::string note, Clock::time_point now);
  void fail_first(const std::string& body, const std::string& status, std::string note,
                  Clock::time_point now);
  [[nodiscard]] std::string timeout_text(const std::string& request_id,
                                         Clock::time_point now) const;

  std::chrono::milliseconds timeout_;
  QueueHooks hooks_;
  std::deque<Entry> queue_;
  std::size_t concurrency_;
  std::deque<Poll> waiting_;    // oldest first
  std::list<Running> running_;  // in the order in which they went out, which is that of deadlines
  std::deque<Ended> ended_;
  std::string init_error_;
  bool polled_ = false;  // this process has asked for an event
  bool blamed_ = false;  // an invocation has failed on account of this process
};

/// A random UUID, as Lambda's request ids.
[[nodiscard]] std::string make_uuid();

}  // namespace lambda::local
