#include "millrace/trace.hpp"

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <locale>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/one_busy.hpp"
#include "support/run.hpp"

using millrace::ComputePool;
using millrace::TraceMetrics;
using nlohmann::json;

namespace {

const auto ignore = [](std::exception_ptr) {};

struct Slice {
  std::string name;
  std::string state;
  std::int64_t begins = 0;  // nanoseconds
  std::int64_t ends = 0;
  std::pair<int, int> track;  // process, thread
};

std::int64_t in_ns(const json& microseconds) {
  return std::llround(microseconds.get<double>() * 1000);
}

// A trace as a viewer reads it. Throws for what is no trace.
struct Trace {
  explicit Trace(const std::string& text) {
    const json all = json::parse(text);
    lost = all.at("otherData").at("lost_events");
    for (const json& event : all.at("traceEvents")) {
      const std::pair<int, int> track(event.at("pid"), event.at("tid"));
      const std::string phase = event.at("ph");
      if (phase == "X") {
        const std::int64_t begins = in_ns(event.at("ts"));
        const auto job = event.at("args").at("job").get<std::uint64_t>();
        Slice slice{event.at("name"), event.at("args").at("state"), begins,
                    begins + in_ns(event.at("dur")), track};
        tracks[track].push_back(slice);
        jobs[{track.first, job}].push_back(std::move(slice));
      } else if (phase == "s" || phase == "t" || phase == "f") {
        arrows[event.at("id")].emplace_back(in_ns(event.at("ts")), phase);
      } else if (event.at("name") == "process_name") {
        processes[track.first] = event.at("args").at("name");
      } else if (event.at("name") == "thread_name") {
        threads[track] = event.at("args").at("name");
      } else if (event.at("name") != "thread_sort_index") {
        throw std::runtime_error("neither slice nor arrow nor name: " + event.dump());
      }
    }
    for (auto& [job, slices] : jobs) {
      std::sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
        return std::pair(order(a), a.begins) < std::pair(order(b), b.begins);
      });
    }
  }

  static int order(const Slice& one) {
    return one.state == "submitted" ? 0 : one.state == "resumed" ? 2 : 1;
  }

  // The points of a job, as one word each.
  static std::string states(const std::vector<Slice>& slices) {
    std::string all;
    for (const Slice& each : slices) all += (all.empty() ? "" : " ") + each.state;
    return all;
  }

  [[nodiscard]] std::map<std::string, int> count_states() const {
    std::map<std::string, int> all;
    for (const auto& [job, slices] : jobs) ++all[states(slices)];
    return all;
  }

  // Each point of a job at or after the one before; each slice inside another of its thread, or
  // beside it; the arrows from the first point to the last.
  void check() const {
    for (const auto& [job, slices] : jobs) {
      CAPTURE(states(slices));
      for (std::size_t i = 1; i < slices.size(); ++i) {
        // A point lasts for 1 ns.
        CHECK(slices[i].begins >= slices[i - 1].ends - (order(slices[i - 1]) == 0 ? 1 : 0));
      }
      for (const Slice& each : slices) CHECK(each.ends >= each.begins);
      if (slices.size() < 2) continue;
      const auto found = arrows.find(std::to_string(job.first) + '.' + std::to_string(job.second));
      REQUIRE(found != arrows.end());
      auto way = found->second;
      std::stable_sort(way.begin(), way.end(), [](const auto& a, const auto& b) {
        return std::string("stf").find(a.second) < std::string("stf").find(b.second);
      });
      REQUIRE(way.size() == slices.size());
      for (std::size_t i = 0; i < way.size(); ++i) {
        CHECK(way[i].second == (i == 0 ? "s" : i + 1 == way.size() ? "f" : "t"));
        CHECK(way[i].first == slices[i].begins);
      }
    }
    for (auto [track, slices] : tracks) {
      std::sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
        return std::pair(a.begins, -a.ends) < std::pair(b.begins, -b.ends);
      });
      std::vector<std::int64_t> open;
      for (const Slice& each : slices) {
        while (!open.empty() && open.back() <= each.begins) open.pop_back();
        CAPTURE(each.name, each.begins, each.ends);
        if (!open.empty()) CHECK(each.ends <= open.back());
        open.push_back(each.ends);
      }
    }
  }

  std::uint64_t lost = 0;
  std::map<std::pair<int, std::uint64_t>, std::vector<Slice>> jobs;
  std::map<std::pair<int, int>, std::vector<Slice>> tracks;
  std::map<std::string, std::vector<std::pair<std::int64_t, std::string>>> arrows;
  std::map<int, std::string> processes;
  std::map<std::pair<int, int>, std::string> threads;
};

template <class... Pools>
Trace trace_of(const Pools&... pools) {
  std::ostringstream out;
  millrace::write_chrome_trace(out, pools.instrumentation().trace()...);
  return Trace(out.str());
}

}  // namespace

TEST_CASE("a trace has the four points of each job in order and on their threads") {
  ComputePool<TraceMetrics> pool{{.threads = 2, .thread_name = "mill"}};
  test::run([](ComputePool<TraceMetrics>& p) -> asio::awaitable<void> {
    for (int i = 0; i < 50; ++i) {
      co_await p.execute({.label = "hash"}, [] {});
      try {
        co_await p.execute([] { throw 1; });
      } catch (int) {
      }
      co_await p.execute_scoped([](millrace::Scope& s) { s.spawn([] {}); });
    }
  }(pool));
  const Trace trace = trace_of(pool);
  trace.check();
  CHECK(trace.lost == 0);
  CHECK(trace.jobs.size() == 150);
  CHECK(trace.count_states() == std::map<std::string, int>{{"submitted failed resumed", 50},
                                                           {"submitted finished resumed", 100}});
  CHECK(trace.processes == std::map<int, std::string>{{1, "mill"}});
  std::set<std::string> workers;
  std::set<std::pair<int, int>> loops;
  for (const auto& [job, slices] : trace.jobs) {
    loops.insert(slices[0].track);
    loops.insert(slices[2].track);
    workers.insert(trace.threads.at(slices[1].track));
    CHECK(slices[0].name == "submit " + slices[1].name);
    CHECK(slices[2].name == "resume " + slices[1].name);
  }
  CHECK(loops.size() == 1);
  for (const std::string& name : workers) CHECK(name.starts_with("mill-"));
  const auto metrics = pool.metrics();
  CHECK(metrics.completed == 100);
  CHECK(metrics.failed == 50);
  CHECK(metrics.by_label.at(0).completion_delay.count == 50);
  CHECK(pool.instrumentation().reader().snapshot().submitted == 150);
}

TEST_CASE("a job doesn't begin before it came though the one before ended earlier") {
  // A worker takes the end of a job for the beginning of the next one. Here that came in between.
  TraceMetrics traced(millrace::ComputeConfig{.threads = 1});
  for (int i = 0; i < 100; ++i) {
    TraceMetrics::record job;
    traced.submitted(job);
    traced.started(job);
    traced.finished(job, false);
    job.resuming();
  }
  std::ostringstream out;
  millrace::write_chrome_trace(out, traced.trace());
  const Trace trace(out.str());
  CHECK(trace.count_states() == std::map<std::string, int>{{"submitted finished resumed", 100}});
  trace.check();
}

TEST_CASE("a trace tells why a job never ran and what runs at the moment") {
  ComputePool<TraceMetrics> pool{
      {.threads = 1, .max_pending = 2, .overflow = millrace::Overflow::reject}};
  asio::cancellation_signal signal;
  asio::io_context context;
  auto busy = std::make_unique<test::OneBusy<ComputePool<TraceMetrics>>>(
      pool, millrace::JobOptions{.label = "busy"});
  pool.execute(
      {.label = "a"}, [] {},
      asio::bind_executor(context, asio::bind_cancellation_slot(signal.slot(), ignore)));
  signal.emit(asio::cancellation_type::terminal);
  pool.execute(
      {.deadline = std::chrono::steady_clock::now(), .label = "b"}, [] {},
      asio::bind_executor(context, ignore));
  while (pool.metrics().expired == 0) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) pool.execute([] {}, asio::bind_executor(context, ignore));
  const Trace now = trace_of(pool);
  now.check();
  CHECK(now.count_states() == std::map<std::string, int>{{"submitted running", 1},
                                                         {"submitted cancelled", 1},
                                                         {"submitted expired", 1},
                                                         {"submitted rejected", 1},
                                                         {"submitted", 2}});
  busy.reset();
  context.run();
  const Trace then = trace_of(pool);
  then.check();
  CHECK(then.count_states() == std::map<std::string, int>{{"submitted finished resumed", 3},
                                                          {"submitted cancelled resumed", 1},
                                                          {"submitted expired resumed", 1},
                                                          {"submitted rejected resumed", 1}});
}

TEST_CASE("jobs inside a job nest on its worker") {
  ComputePool<TraceMetrics> pool{{.threads = 1}};
  pool.execute_sync({.label = "outer"}, [&] {
    pool.execute_sync({.label = "inner"}, [&] { pool.execute_sync([] {}); });
    pool.execute_sync({.label = "inner"}, [] {});
  });
  const Trace trace = trace_of(pool);
  trace.check();
  CHECK(trace.count_states() == std::map<std::string, int>{{"submitted finished resumed", 4}});
  const Slice* outer = nullptr;
  for (const auto& [job, slices] : trace.jobs) {
    if (slices[1].name == "outer") outer = &slices[1];
  }
  REQUIRE(outer != nullptr);
  for (const auto& [job, slices] : trace.jobs) {
    CHECK(slices[1].track == outer->track);
    CHECK(slices[1].begins >= outer->begins);
    CHECK(slices[1].ends <= outer->ends);
  }
}

TEST_CASE("a ring keeps the newest events and what is overwritten is counted") {
  ComputePool<millrace::BasicTraceMetrics<16>> pool{{.threads = 1}};
  asio::io_context context;
  for (int i = 0; i < 100; ++i) {
    pool.execute([] {}, asio::bind_executor(context, ignore));
    context.restart();
    context.run();
  }
  const Trace trace = trace_of(pool);
  trace.check();
  // 200 events on each thread; the worker's last 16 are of 8 jobs, and so are the loop's.
  CHECK(trace.lost == 2 * (200 - 16));
  CHECK(pool.instrumentation().trace().lost() == trace.lost);
  CHECK(trace.count_states() == std::map<std::string, int>{{"submitted finished resumed", 8}});
}

TEST_CASE("what is read of a ring while it is written is whole and without gaps") {
  constexpr std::size_t capacity = 4096;
  millrace::detail::trace_ring ring(capacity, "writer");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < capacity || !stop; ++i) {
      ring.add({static_cast<std::int64_t>(i), i, static_cast<millrace::detail::trace_step>(i % 8),
                nullptr});
    }
  });
  std::vector<millrace::detail::trace_event> events;
  std::uint64_t wrong = 0;
  const auto read = [&] {
    std::uint64_t next = ring.read(events);
    for (const auto& one : events) {
      const bool whole = one.job == next && one.when == static_cast<std::int64_t>(next) &&
                         static_cast<std::uint64_t>(one.step) == next % 8;
      if (!whole) ++wrong;
      ++next;
    }
  };
  for (int i = 0; i < 1000; ++i) read();
  stop = true;
  writer.join();
  read();
  CHECK(events.size() == capacity);
  CHECK(wrong == 0);
}

TEST_CASE("a job of which only a part is left is shown by that part") {
  ComputePool<millrace::BasicTraceMetrics<4>> pool{{.threads = 1}};
  asio::io_context context;
  pool.execute([] {}, asio::bind_executor(context, ignore));  // its submission will be overwritten
  context.run();
  for (int i = 0; i < 3; ++i) pool.execute([] {}, asio::bind_executor(context, ignore));
  pool.async_drain(asio::use_future).get();
  const Trace trace = trace_of(pool);
  trace.check();
  CHECK(trace.lost == 1 + 4);
  CHECK(trace.count_states() ==
        std::map<std::string, int>{{"resumed", 1}, {"submitted", 1}, {"submitted finished", 2}});
}

TEST_CASE("names are written as JSON whatever is in them") {
  ComputePool<TraceMetrics> pool{{.threads = 1, .thread_name = "a\"b\\\x01"}};
  const std::vector<std::pair<std::string, std::string>> labels{
      {"quote \" and \\ and \n and \x7f", "quote \" and \\ and \n and \x7f"},
      {"gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x98\x80 \xe2\x82\xac",
       "gr\xc3\xbc\xc3\x9f dich \xf0\x9f\x98\x80 \xe2\x82\xac"},
      {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
      {"\xc0\xaf long \xed\xa0\x80 half \xf4\x90\x80\x80 \x80",
       "\xef\xbf\xbd\xef\xbf\xbd long \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd half "
       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd"}};
  for (const auto& [label, expected] : labels) pool.execute_sync({.label = label}, [] {});
  const Trace trace = trace_of(pool);
  trace.check();
  std::set<std::string> names;
  for (const auto& [job, slices] : trace.jobs) names.insert(slices[1].name);
  CHECK(trace.jobs.size() == labels.size());
  for (const auto& [label, expected] : labels) CHECK(names.contains(expected));
  CHECK(trace.processes.at(1) == "a\"b\\\x01");
}

TEST_CASE("a trace of several pools of which one has gone as have threads that submitted") {
  auto gone = std::make_unique<ComputePool<TraceMetrics>>(
      millrace::ComputeConfig{.threads = 1, .thread_name = "gone"});
  ComputePool<TraceMetrics> stays{{.threads = 1, .thread_name = "stays"}};
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      gone->execute_sync({.label = "first"}, [] {});
      stays.execute_sync({.label = "second"}, [] {});
      stays.execute_sync({.label = "third"}, [] {});
    }).join();
  }
  const auto reader = gone->instrumentation().trace();
  asio::io_context context;
  gone->execute({.label = "late"}, [] {}, asio::bind_executor(context, ignore));
  gone->async_drain(asio::use_future).get();
  gone.reset();
  context.run();
  std::ostringstream out;
  struct Elsewhere : std::numpunct<char> {
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\1"; }
  };
  out.imbue(std::locale(std::locale::classic(), new Elsewhere));
  millrace::write_chrome_trace(out, reader, stays.instrumentation().trace());
  const Trace trace(out.str());
  trace.check();
  CHECK(trace.processes == std::map<int, std::string>{{1, "gone"}, {2, "stays"}});
  CHECK(trace.count_states() == std::map<std::string, int>{{"submitted finished resumed", 10}});
  std::map<int, std::set<int>> submitters;
  for (const auto& [job, slices] : trace.jobs) {
    submitters[job.first].insert(slices[0].track.second);
  }
  CHECK(submitters[1].size() == 4);
  CHECK(submitters[2].size() == 3);
}

TEST_CASE("a trace may be written while jobs run") {
  ComputePool<millrace::BasicTraceMetrics<64>> pool{{.threads = 2}};
  std::atomic<bool> stop = false;
  std::thread submitter([&] {
    asio::io_context context;
    while (!stop) {
      for (int i = 0; i < 8; ++i) {
        pool.execute({.label = "one"}, [] {}, asio::bind_executor(context, ignore));
      }
      context.restart();
      context.run();
    }
  });
  std::uint64_t lost = 0;
  for (int i = 0; i < 100; ++i) {
    const Trace trace = trace_of(pool);
    CHECK(trace.lost >= lost);
    lost = trace.lost;
    for (const auto& [job, slices] : trace.jobs) {
      CHECK(slices.size() <= 3);
      for (const Slice& each : slices) {
        CHECK(each.name.ends_with("one"));
        CHECK(each.ends >= each.begins);
      }
    }
  }
  stop = true;
  submitter.join();
  trace_of(pool).check();
}

TEST_CASE("threads beyond the number of rings lose their events and run their jobs") {
  ComputePool<millrace::BasicTraceMetrics<1024>> pool{{.threads = 1}};
  constexpr std::size_t rings = millrace::detail::trace_log::most_threads;
  constexpr std::size_t threads = rings + 5;
  for (std::size_t i = 0; i < threads; ++i) {
    std::thread([&] { pool.execute_sync([] {}); }).join();
  }
  CHECK(pool.metrics().completed == threads);
  const Trace trace = trace_of(pool);
  std::set<std::pair<int, int>> workers;
  for (const auto& [job, slices] : trace.jobs) {
    for (const Slice& each : slices) {
      if (each.state == "finished") workers.insert(each.track);
    }
  }
  CHECK(trace.tracks.size() == rings);
  CHECK(trace.lost == 2 * (threads - (rings - workers.size())));
}
