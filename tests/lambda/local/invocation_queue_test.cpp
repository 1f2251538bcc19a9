#include "local/invocation_queue.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "support/catch.hpp"

using lambda::local::Answer;
using lambda::local::Clock;
using lambda::local::Delivery;
using lambda::local::InvocationQueue;
using lambda::local::Report;
using lambda::local::Verdict;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

/// A queue with a caller and a bootstrap that note what they get.
struct Fixture {
  explicit Fixture(std::size_t most = 1) : concurrency(most) {}

  std::string submit(const std::string& event = "{}") {
    lambda::local::Submission submission;
    submission.event = event;
    submission.trace_id = "trace";
    submission.answer = [this](const Answer& answer) { answers.push_back(answer); };
    return queue.submit(std::move(submission), now);
  }

  bool poll() {
    return queue.poll([this](Delivery delivery) { deliveries.push_back(std::move(delivery)); },
                      now);
  }

  Verdict respond(const std::string& id, const std::string& body = "1",
                  const std::string& invocation_id = "") {
    return queue.respond(id, invocation_id, body, now);
  }

  json last_error() const {
    REQUIRE_FALSE(answers.empty());
    CHECK(answers.back().function_error);
    return json::parse(answers.back().body);
  }

  Clock::time_point now{milliseconds(1'700'000'000'000)};
  std::vector<Answer> answers;
  std::vector<Delivery> deliveries;
  std::vector<std::string> started;
  std::vector<Report> reports;
  std::size_t concurrency;
  InvocationQueue queue{milliseconds(3000),
                        {.started = [this](const std::string& id) { started.push_back(id); },
                         .finished = [this](const Report& r) { reports.push_back(r); }},
                        concurrency};
};

}  // namespace

TEST_CASE("queue: call, poll, reply", "[queue]") {
  Fixture f;
  const std::string id = f.submit(R"({"a":1})");
  CHECK(f.started.empty());
  REQUIRE(f.poll());
  REQUIRE(f.deliveries.size() == 1);
  CHECK(f.deliveries[0].request_id == id);
  CHECK(f.deliveries[0].event == R"({"a":1})");
  CHECK(f.deliveries[0].trace_id == "trace");
  CHECK(f.deliveries[0].deadline == f.now + milliseconds(3000));
  CHECK(f.queue.deadline() == f.now + milliseconds(3000));
  CHECK(f.started == std::vector<std::string>{id});
  f.now += milliseconds(5);
  CHECK(f.respond(id, "[2]") == Verdict::accepted);
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0].request_id == id);
  CHECK(f.answers[0].body == "[2]");
  CHECK_FALSE(f.answers[0].function_error);
  REQUIRE(f.reports.size() == 1);
  CHECK(f.reports[0].duration.count() == 5.0);
  CHECK(f.reports[0].status == "success");
  CHECK_FALSE(f.queue.deadline());
}

TEST_CASE("queue: a waiting poll gets the next call at once", "[queue]") {
  Fixture f;
  f.poll();
  CHECK(f.queue.waiting());
  const std::string id = f.submit();
  CHECK_FALSE(f.queue.waiting());
  CHECK(f.deliveries.at(0).request_id == id);
}

TEST_CASE("queue: calls go out one after another, in order", "[queue]") {
  Fixture f;
  const std::vector<std::string> ids = {f.submit(), f.submit(), f.submit()};
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 3);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    f.poll();
    REQUIRE(f.deliveries.size() == i + 1);
    CHECK(f.deliveries[i].request_id == ids[i]);
    f.respond(ids[i]);
  }
  CHECK(f.answers.size() == 3);
}

TEST_CASE("queue: no second event before the first is replied to", "[queue]") {
  Fixture f;
  f.submit();
  f.submit();
  CHECK(f.poll());
  CHECK_FALSE(f.poll());
  CHECK(f.deliveries.size() == 1);
}

TEST_CASE("queue: a second poll replaces the first", "[queue]") {
  Fixture f;
  bool first = false;
  f.queue.poll([&](const Delivery&) { first = true; }, f.now);
  f.poll();
  f.submit();
  CHECK_FALSE(first);
  CHECK(f.deliveries.size() == 1);
}

TEST_CASE("queue: a closed poll gets nothing", "[queue]") {
  Fixture f;
  f.poll();
  f.queue.forget_poll();
  f.submit();
  CHECK(f.deliveries.empty());
  CHECK(f.queue.queued() == 1);
}

TEST_CASE("queue: an error reply is a function error", "[queue]") {
  Fixture f;
  const std::string id = f.submit();
  f.poll();
  CHECK(f.queue.fail(id, "", R"({"errorMessage":"no"})", f.now) == Verdict::accepted);
  CHECK(f.last_error()["errorMessage"] == "no");
  CHECK(f.reports.at(0).status == "error");
}

TEST_CASE("queue: replies that don't fit are refused and change nothing", "[queue]") {
  Fixture f;
  CHECK(f.respond("unknown") == Verdict::unknown_request);
  const std::string waiting = f.submit();
  CHECK(f.respond(waiting) == Verdict::unknown_request);  // not delivered yet
  f.poll();
  CHECK(f.respond("unknown") == Verdict::unknown_request);
  CHECK(f.respond(waiting, "1", "stale") == Verdict::unknown_request);
  CHECK(f.answers.empty());
  CHECK(f.respond(waiting, "1", f.deliveries.at(0).invocation_id) == Verdict::accepted);
  CHECK(f.respond(waiting) == Verdict::wrong_state);
  CHECK(f.queue.fail(waiting, "", "{}", f.now) == Verdict::wrong_state);
  CHECK(f.answers.size() == 1);
}

TEST_CASE("queue: a reply that is too large is the caller's error", "[queue]") {
  Fixture f;
  const std::string id = f.submit();
  f.poll();
  CHECK(f.respond(id, std::string(lambda::local::most_reply_bytes + 1, 'x')) == Verdict::too_large);
  CHECK(f.last_error()["errorType"] == "Function.ResponseSizeTooLarge");
  CHECK(f.respond(id) == Verdict::wrong_state);
  const std::string next = f.submit();
  f.poll();
  CHECK(f.respond(next, std::string(lambda::local::most_reply_bytes, 'x')) == Verdict::accepted);
}

TEST_CASE("queue: a timeout has Lambda's text, and a reply after it is too late", "[queue]") {
  Fixture f;
  const std::string id = f.submit();
  f.poll();
  f.now += milliseconds(3000);
  f.queue.deadline_passed(f.now);
  CHECK(f.last_error() == json({{"errorMessage", "2023-11-14T22:13:23.000Z " + id +
                                                     " Task timed out after 3.00 seconds"}}));
  CHECK(f.respond(id) == Verdict::too_late);
  CHECK(f.reports.at(0).status == "timeout");
  CHECK(f.answers.size() == 1);
}

TEST_CASE("queue: the death of the process fails what it was working on", "[queue]") {
  const auto [how, text] = GENERATE(table<std::string, std::string>({
      {"signal: killed", "Runtime exited with error: signal: killed"},
      {"exit status 1", "Runtime exited with error: exit status 1"},
      {"exit status 0", "Runtime exited without providing a reason"},
  }));
  Fixture f;
  const std::string id = f.submit();
  const std::string other = f.submit();
  f.queue.process_started();
  f.poll();
  f.queue.process_exited(how, f.now);
  CHECK(f.last_error() == json({{"errorType", "Runtime.ExitError"},
                                {"errorMessage", "RequestId: " + id + " Error: " + text}}));
  CHECK(f.answers.size() == 1);  // the other one waits for the next process
  CHECK(f.respond(id) == Verdict::too_late);
  f.queue.process_started();
  f.poll();
  CHECK(f.deliveries.back().request_id == other);
}

TEST_CASE("queue: the death of a waiting process fails nothing", "[queue]") {
  Fixture f;
  f.queue.process_started();
  f.poll();
  f.queue.process_exited("signal: killed", f.now);
  CHECK_FALSE(f.queue.waiting());
  f.submit();
  CHECK(f.answers.empty());
  CHECK(f.deliveries.empty());
}

TEST_CASE("queue: a process that can't start fails one call per try", "[queue]") {
  Fixture f;
  f.submit();
  f.submit();
  f.queue.process_started();
  f.queue.init_failed(R"({"errorMessage":"no disk","errorType":"Function.NoDisk"})");
  f.queue.process_exited("exit status 1", f.now);
  REQUIRE(f.answers.size() == 1);
  CHECK(f.last_error()["errorType"] == "Function.NoDisk");
  f.queue.process_started();
  f.queue.process_exited("exit status 127", f.now);
  REQUIRE(f.answers.size() == 2);
  CHECK(f.last_error()["errorType"] == "Runtime.ExitError");
  f.queue.process_started();
  f.queue.process_exited("exit status 1", f.now);
  CHECK(f.answers.size() == 2);
}

TEST_CASE("queue: a process that never polls fails one call", "[queue]") {
  Fixture f;
  f.submit();
  f.submit();
  f.queue.process_started();
  f.queue.process_stuck(f.now);
  CHECK_THAT(f.last_error()["errorMessage"].get<std::string>(), Catch::Contains("timed out"));
  f.queue.process_exited("signal: killed", f.now);  // which is our doing
  CHECK(f.answers.size() == 1);
  CHECK(f.queue.queued() == 1);
}

TEST_CASE("queue: several invocations at a time, each reply to its caller", "[queue]") {
  Fixture f(2);
  const std::string a = f.submit();
  const std::string b = f.submit();
  const std::string c = f.submit();
  CHECK(f.poll());
  CHECK(f.poll());
  CHECK_FALSE(f.poll());  // two are not replied to
  REQUIRE(f.deliveries.size() == 2);
  CHECK(f.respond(b, "2") == Verdict::accepted);
  CHECK(f.answers.back().request_id == b);
  CHECK(f.answers.back().body == "2");
  CHECK(f.respond(a, "1", f.deliveries[1].invocation_id) == Verdict::unknown_request);
  CHECK(f.respond(b) == Verdict::wrong_state);
  CHECK(f.poll());
  CHECK(f.deliveries.back().request_id == c);
  CHECK(f.respond(a, "1", f.deliveries[0].invocation_id) == Verdict::accepted);
  CHECK(f.answers.back().request_id == a);
}

TEST_CASE("queue: several polls wait at a time, a closed one gets nothing", "[queue]") {
  Fixture f(2);
  std::vector<int> got;
  const auto poll = [&](int number) {
    return f.queue.poll([&got, number](const Delivery&) { got.push_back(number); }, f.now,
                        static_cast<std::uint64_t>(number));
  };
  CHECK(poll(1));
  CHECK(poll(2));
  CHECK(poll(3));  // forgets the first
  f.queue.forget_poll(2);
  f.submit();
  f.submit();
  CHECK(got == std::vector<int>{3});
  CHECK(f.queue.queued() == 1);
}

TEST_CASE("queue: the first deadline of several is the one that counts", "[queue]") {
  Fixture f(2);
  const std::string a = f.submit();
  f.poll();
  f.now += milliseconds(1000);
  const std::string b = f.submit();
  f.poll();
  CHECK(f.queue.deadline() == f.now + milliseconds(2000));
  f.now += milliseconds(2000);
  f.queue.deadline_passed(f.now);
  REQUIRE(f.answers.size() == 1);
  CHECK(f.answers[0].request_id == a);
  CHECK(f.queue.deadline() == f.now + milliseconds(1000));
  f.queue.process_exited("signal: killed", f.now);
  REQUIRE(f.answers.size() == 2);
  CHECK(f.answers[1].request_id == b);
  CHECK(f.last_error()["errorType"] == "Runtime.ExitError");
}

TEST_CASE("queue: a streamed reply keeps its type, and may be large", "[queue]") {
  Fixture f;
  const std::string id = f.submit();
  f.poll();
  const std::string large(lambda::local::most_reply_bytes + 1, 'x');
  CHECK(f.queue.stream(id, "", {"text/plain", large, "", ""}, f.now) == Verdict::accepted);
  CHECK(f.answers.at(0).content_type == "text/plain");
  CHECK(f.answers.at(0).body.size() == large.size());
  CHECK_FALSE(f.answers.at(0).cut_short);
  CHECK(f.queue.stream(id, "", {}, f.now) == Verdict::wrong_state);
}

TEST_CASE("queue: a streamed reply that failed is cut short", "[queue]") {
  Fixture f;
  const std::string id = f.submit();
  f.poll();
  CHECK(f.queue.stream(id, "", {"text/plain", "some", "Function.Bad", R"({"errorMessage":"m"})"},
                       f.now) == Verdict::accepted);
  CHECK(f.answers.at(0).cut_short);
  CHECK(f.answers.at(0).body == "some");
  CHECK(f.reports.at(0).status == "error");
  CHECK_THAT(f.reports.at(0).note,
             Catch::Contains("Function.Bad after the reply had begun: \"m\""));
}

TEST_CASE("queue: the error of a streamed reply may be anything", "[queue]") {
  const std::string brackets(200'000, '[');
  const std::string closing(200'000, ']');
  const std::string message = R"({"errorMessage":)";
  for (const std::string& error :
       {std::string(), std::string("[]"), brackets, message + brackets + closing + '}',
        message + "\"m\"}" + std::string(1, '\0'),
        message + "\"m\"}" + std::string(1 << 20, ' ')}) {
    Fixture f;
    const std::string id = f.submit();
    f.poll();
    CHECK(f.queue.stream(id, "", {"text/plain", "some", "Function.Bad", error}, f.now) ==
          Verdict::accepted);
    CHECK_THAT(f.reports.at(0).note, Catch::EndsWith("Function.Bad after the reply had begun"));
  }
}

TEST_CASE("queue: a caller may call again from inside its answer", "[queue]") {
  Fixture f;
  std::string second;
  lambda::local::Submission submission;
  submission.answer = [&](const Answer&) { second = f.submit(); };
  const std::string first = f.queue.submit(std::move(submission), f.now);
  f.poll();
  f.respond(first);
  CHECK(f.queue.queued() == 1);
  f.poll();
  CHECK(f.deliveries.back().request_id == second);
}

TEST_CASE("queue: ids are random UUIDs of version 4", "[queue]") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = lambda::local::make_uuid();
    REQUIRE(id.size() == 36);
    CHECK(id.find_first_not_of("0123456789abcdef-") == std::string::npos);
    CHECK(std::count(id.begin(), id.end(), '-') == 4);
    CHECK(id[14] == '4');
    CHECK_THAT("89ab", Catch::Contains(std::string(1, id[19])));
    ids.insert(id);
  }
  CHECK(ids.size() == 1000);
}

TEST_CASE("report: both durations of a line agree", "[report]") {
  using lambda::local::durations_text;
  using Ms = std::chrono::duration<double, std::milli>;
  CHECK(durations_text(Ms(0)) == "Duration: 0.00 ms\tBilled Duration: 0 ms");
  CHECK(durations_text(Ms(0.01)) == "Duration: 0.01 ms\tBilled Duration: 1 ms");
  CHECK(durations_text(Ms(63.002)) == "Duration: 63.00 ms\tBilled Duration: 63 ms");
  CHECK(durations_text(Ms(63.006)) == "Duration: 63.01 ms\tBilled Duration: 64 ms");
  CHECK(durations_text(Ms(1999.999)) == "Duration: 2000.00 ms\tBilled Duration: 2000 ms");
}
