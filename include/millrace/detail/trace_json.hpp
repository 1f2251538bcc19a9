#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "millrace/detail/pool_counters.hpp"
#include "millrace/detail/trace_log.hpp"
#include "millrace/detail/trace_ring.hpp"

namespace millrace::detail {

// The length of the UTF-8 character that `text` begins with; 0 if it is none.
[[nodiscard]] inline std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Nothing in more bytes than it needs, no halves of pairs, nothing above U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90)) return 0;
  return length;
}

// In quotes; what is no UTF-8 becomes U+FFFD.
[[nodiscard]] inline std::string json_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string all = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto c = static_cast<unsigned char>(text.front());
    if (length == 0) {
      all += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      all += {'\\', text.front()};
    } else if (c < ' ') {
      all += "\\u00";
      all += {digits[c >> 4], digits[c & 15]};
    } else {
      all += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return all + '"';
}

// Nanoseconds as microseconds, which is what the format counts in. Not below 0.
[[nodiscard]] inline std::string json_time(std::int64_t nanoseconds) {
  const std::string digits = std::to_string(std::max<std::int64_t>(nanoseconds, 0) % 1000 + 1000);
  return std::to_string(std::max<std::int64_t>(nanoseconds, 0) / 1000) + '.' + digits.substr(1);
}

// Writes traces of pools in Chrome's format, one process for each pool.
class trace_writer {
 public:
  explicit trace_writer(std::ostream& out) : out_(out) {}

  void add(const trace_log& log) { pools_.push_back({log.name(), log.read(), {}}); }

  void write() {
    for (pool& each : pools_) index(each);
    put("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    std::uint64_t lost = 0;
    for (std::size_t i = 0; i < pools_.size(); ++i) {
      pid_ = std::to_string(i + 1);
      write(pools_[i]);
      lost += pools_[i].trace.lost;
    }
    put("\n],\"otherData\":{\"lost_events\":" + std::to_string(lost) + "}}\n");
  }

 private:
  // Of one job, what there is in the rings.
  struct points {
    std::int64_t ended = 0;
    trace_step last = trace_step::submitted;
    int first = 3;  // of its slices, see place_of
    int final = 0;
  };
  struct pool {
    std::string name;
    trace_log::contents trace;
    std::unordered_map<std::uint64_t, points> jobs;
  };

  // Rings are read one after the other. What happened after the first was begun with is left out,
  // or there would be jobs that run and were never submitted.
  void index(pool& one) {
    for (auto& thread : one.trace.threads) {
      std::erase_if(thread.events, [&](const trace_event& event) { return event.when > until_; });
      for (const trace_event& event : thread.events) {
        points& its = one.jobs[event.job];
        if (event.step == trace_step::finished || event.step == trace_step::failed) {
          its.ended = event.when;
          its.last = event.step;
        } else {
          its.first = std::min(its.first, place_of(event.step));
          its.final = std::max(its.final, place_of(event.step));
        }
        since_ = std::min(since_, event.when);
      }
    }
  }

  static int place_of(trace_step step) noexcept {
    return step == trace_step::submitted ? 0 : step == trace_step::resumed ? 2 : 1;
  }

  void write(pool& one) {
    write_name("process_name", "0", one.name);
    for (std::size_t i = 0; i < one.trace.threads.size(); ++i) {
      const auto& thread = one.trace.threads[i];
      tid_ = std::to_string(i + 1);
      write_name("thread_name", tid_, thread.name);
      const bool works = std::any_of(thread.events.begin(), thread.events.end(),
                                     [](auto& event) { return event.step == trace_step::started; });
      begin_event("M", "thread_sort_index");
      put(",\"tid\":" + tid_ + ",\"args\":{\"sort_index\":" + (works ? "1" : "0") + "}}");
      for (const trace_event& event : thread.events) write(event, one.jobs[event.job]);
    }
  }

  void write(const trace_event& event, const points& its) {
    const std::string label = event.group != nullptr ? event.group->label : std::string();
    const std::string name = label.empty() ? "job" : label;
    switch (event.step) {
      case trace_step::submitted:
        return write_slice(event, its, "submit " + name, 1, "submitted");
      case trace_step::started: {
        const bool runs = its.ended == 0;
        return write_slice(event, its, name, (runs ? until_ : its.ended) - event.when,
                           runs                             ? "running"
                           : its.last == trace_step::failed ? "failed"
                                                            : "finished");
      }
      case trace_step::finished:
      case trace_step::failed:
        return;  // the end of a slice; or its start is overwritten
      case trace_step::cancelled:
        return write_slice(event, its, "cancel " + name, 1, "cancelled");
      case trace_step::expired:
        return write_slice(event, its, "expire " + name, 1, "expired");
      case trace_step::rejected:
        return write_slice(event, its, "reject " + name, 1, "rejected");
      case trace_step::resumed:
        return write_slice(event, its, "resume " + name, 1, "resumed");
    }
  }

  // A slice, and the arrow from the one before of the same job to the next. A point in time is a
  // slice of 1 ns: arrows begin and end in slices only.
  void write_slice(const trace_event& event, const points& its, const std::string& name,
                   std::int64_t lasts, const char* state) {
    const std::string id = std::to_string(event.job);
    const std::string when = ",\"tid\":" + tid_ + ",\"ts\":" + json_time(event.when - since_);
    begin_event("X", name);
    put(when + ",\"dur\":" + json_time(lasts) + ",\"cat\":\"job\",\"args\":{\"job\":" + id +
        ",\"state\":\"" + state + "\"}}");
    if (its.first == its.final) return;
    const int place = place_of(event.step);
    begin_event(place == its.first ? "s" : place == its.final ? "f" : "t", "way");
    put(when + ",\"cat\":\"way\",\"bp\":\"e\",\"id\":\"" + pid_ + '.' + id + "\"}");
  }

  void write_name(const char* what, const std::string& tid, const std::string& name) {
    begin_event("M", what);
    put(",\"tid\":" + tid + ",\"args\":{\"name\":" + json_text(name) + "}}");
  }

  void begin_event(const char* phase, const std::string& name) {
    put(first_ ? "\n" : ",\n");
    first_ = false;
    put("{\"ph\":\"" + std::string(phase) + "\",\"pid\":" + pid_ + ",\"name\":" + json_text(name));
  }

  // Unformatted: the stream's locale has no say.
  void put(const std::string& text) {
    out_.write(text.data(), static_cast<std::streamsize>(text.size()));
  }

  std::ostream& out_;
  const std::int64_t until_ = std::chrono::steady_clock::now().time_since_epoch().count();
  std::int64_t since_ = until_;
  std::vector<pool> pools_;
  std::string pid_;
  std::string tid_;
  bool first_ = true;
};

}  // namespace millrace::detail
