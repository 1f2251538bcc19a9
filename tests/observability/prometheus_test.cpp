#include "millrace/prometheus.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "millrace/compute_pool.hpp"
#include "support/catch.hpp"
#include "support/one_busy.hpp"

using millrace::ComputePool;

namespace {

using Labels = std::map<std::string, std::string>;

// What a page says, as read by the rules of the text format and the conventions on names; throws
// for anything else.
class Page {
 public:
  explicit Page(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
    end_family();
  }

  [[nodiscard]] double value(const std::string& name, const Labels& labels) const {
    const auto found = samples_.find({name, labels});
    if (found == samples_.end()) throw std::out_of_range("no sample " + name);
    return found->second;
  }
  [[nodiscard]] std::string type(const std::string& family) const { return types_.at(family); }
  [[nodiscard]] const std::map<std::string, std::string>& families() const { return types_; }

 private:
  using Sample = std::pair<std::string, Labels>;

  static void require(bool holds, const std::string& what) {
    if (!holds) throw std::runtime_error(what);
  }

  void read(const std::string& line) {
    static const std::regex comment("# (HELP|TYPE) ([a-z][a-z0-9_]*) (.+)");
    static const std::regex sample(R"(([a-z][a-z0-9_]*)\{((?:[^"]|"(?:[^"\\]|\\.)*")*)\} (\S+))");
    std::smatch part;
    if (std::regex_match(line, part, comment)) {
      if (part[1] == "HELP") {
        end_family();
        family_ = part[2];
        require(!types_.contains(family_), family_ + " comes twice");
      } else {
        require(part[2] == family_ && type_.empty(), line + ": out of place");
        type_ = part[3];
        require(type_ == "counter" || type_ == "gauge" || type_ == "histogram", line);
        require(family_.ends_with("_total") == (type_ == "counter"), line);
        require(family_.ends_with("_seconds") == (type_ == "histogram"), line);
      }
      return;
    }
    require(std::regex_match(line, part, sample), line + ": neither sample nor comment");
    const std::string name = part[1];
    require(!type_.empty(), line + ": comes before its type");
    const std::string suffix = name.substr(std::min(name.size(), family_.size()));
    require(name.starts_with(family_), line + ": of another family");
    require(type_ == "histogram" ? suffix == "_count" || suffix == "_sum" || suffix == "_bucket"
                                 : suffix.empty(),
            line);
    char* end = nullptr;
    const std::string text = part[3];
    const double value = std::strtod(text.c_str(), &end);
    require(*end == '\0' && value >= 0, line + ": no value");
    const Labels labels = labels_of(part[2]);
    require(samples_.emplace(Sample(name, labels), value).second, line + ": comes twice");
    if (suffix == "_bucket") {
      Labels series = labels;
      require(series.erase("le") == 1, line + ": has no bound");
      buckets_[series][bound(labels.at("le"))] = value;
    }
  }

  static double bound(const std::string& text) {
    return text == "+Inf" ? HUGE_VAL : std::stod(text);
  }

  static Labels labels_of(const std::string& text) {
    static const std::regex one(R"re(([a-z][a-z0-9_]*)="((?:[^"\\]|\\.)*)"(,|$))re");
    Labels all;
    std::size_t used = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), one), none; at != none; ++at) {
      require(static_cast<std::size_t>(at->position()) == used, text);
      used += static_cast<std::size_t>(at->length());
      std::string value;
      const std::string escaped = (*at)[2];
      for (std::size_t i = 0; i < escaped.size(); ++i) {
        const bool after_backslash = escaped[i] == '\\';
        if (after_backslash) ++i;
        value += after_backslash && escaped[i] == 'n' ? '\n' : escaped[i];
      }
      require(all.emplace((*at)[1], value).second, text);
    }
    require(used == text.size(), text);
    return all;
  }

  // Buckets count upwards to the number of all.
  void end_family() {
    if (family_.empty()) return;
    require(!type_.empty(), family_ + " has no type");
    types_[family_] = type_;
    for (const auto& [series, by_bound] : buckets_) {
      double last = 0;
      for (const auto& [upper, count] : by_bound) {
        require(count >= last, family_ + ": counts fall");
        last = count;
      }
      require(by_bound.rbegin()->first == HUGE_VAL && last == value(family_ + "_count", series),
              family_ + ": the last bucket isn't all");
    }
    buckets_.clear();
    type_.clear();
  }

  std::string family_;
  std::string type_;
  std::map<Labels, std::map<double, double>> buckets_;
  std::map<std::string, std::string> types_;
  std::map<Sample, double> samples_;
};

Page page_of(const prometheus::Collectable& jobs) {
  return Page(prometheus::TextSerializer().Serialize(jobs.Collect()));
}

void check_times(const Page& page, const std::string& family, const Labels& labels,
                 const millrace::HistogramSnapshot& times) {
  CAPTURE(family);
  CHECK(page.type(family) == "histogram");
  CHECK(page.value(family + "_count", labels) == static_cast<double>(times.count));
  CHECK(page.value(family + "_sum", labels) ==
        Approx(std::chrono::duration<double>(times.sum).count()).epsilon(1e-12));
  // Of the buckets by another way: none is below its values' largest.
  const double max = std::chrono::duration<double>(times.max).count();
  for (const char* bound : {"0.001048575", "34.359738367"}) {
    Labels bucket = labels;
    bucket["le"] = bound;
    const double count = page.value(family + "_bucket", bucket);
    CHECK(count <= static_cast<double>(times.count));
    CHECK((count == static_cast<double>(times.count)) == (max <= std::stod(bound)));
  }
}

void check_jobs(const Page& page, const std::string& prefix, const Labels& labels,
                const millrace::JobMetrics& jobs) {
  const auto value = [&](const char* name) { return page.value(prefix + name, labels); };
  CHECK(value("jobs_submitted_total") == static_cast<double>(jobs.submitted));
  CHECK(value("jobs_started_total") == static_cast<double>(jobs.started));
  CHECK(value("jobs_completed_total") == static_cast<double>(jobs.completed));
  CHECK(value("jobs_failed_total") == static_cast<double>(jobs.failed));
  CHECK(value("jobs_cancelled_total") == static_cast<double>(jobs.cancelled));
  CHECK(value("jobs_expired_total") == static_cast<double>(jobs.expired));
  CHECK(value("jobs_rejected_total") == static_cast<double>(jobs.rejected));
  CHECK(value("jobs_slow_total") == static_cast<double>(jobs.slow));
  CHECK(value("jobs_pending") == static_cast<double>(jobs.pending));
  CHECK(value("jobs_active") == static_cast<double>(jobs.active));
  check_times(page, prefix + "job_queue_wait_seconds", labels, jobs.queue_wait);
  check_times(page, prefix + "job_run_time_seconds", labels, jobs.run_time);
  check_times(page, prefix + "job_completion_delay_seconds", labels, jobs.completion_delay);
}

void check_page(const Page& page, const std::string& pool,
                const millrace::MetricsSnapshot& expected) {
  check_jobs(page, "millrace_", {{"pool", pool}}, expected);
  for (const auto& each : expected.by_label) {
    check_jobs(page, "millrace_labelled_", {{"pool", pool}, {"label", each.label}}, each);
  }
}

const auto ignore = [](std::exception_ptr) {};
constexpr const char* awkward = "a \"quote\", a \\ and\na line";

}  // namespace

TEST_CASE("the page of a pool says what its snapshot says after every kind of end") {
  ComputePool pool{{.threads = 1,
                    .slow_job = std::chrono::milliseconds(1),
                    .max_pending = 3,
                    .overflow = millrace::Overflow::reject}};
  asio::cancellation_signal signal;
  asio::io_context context;
  for (int i = 0; i < 3; ++i) {
    pool.execute({.label = "hash"}, [] { throw 1; }, asio::bind_executor(context, ignore));
    context.restart();
    context.run();
  }
  {
    const test::OneBusy busy(pool);
    pool.execute(
        {.label = awkward}, [] {},
        asio::bind_executor(context, asio::bind_cancellation_slot(signal.slot(), ignore)));
    signal.emit(asio::cancellation_type::terminal);
    pool.execute(
        {.deadline = std::chrono::steady_clock::now()}, [] {},
        asio::bind_executor(context, ignore));
    while (pool.metrics().expired == 0) std::this_thread::yield();
    for (int i = 0; i < 7; ++i) {
      pool.execute({.label = "hash"}, [] {}, asio::bind_executor(context, ignore));
    }
    const millrace::PoolCollectable jobs(pool, "we\"b");
    const auto now = pool.metrics();
    CHECK(now.pending == 3);
    CHECK(now.active == 1);
    CHECK(now.rejected == 4);
    check_page(page_of(jobs), "we\"b", now);
  }
  context.restart();
  context.run();  // until the queue has room again
  pool.execute_sync({.label = "slow"}, [] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < end) {
    }
  });
  pool.async_drain(asio::use_future).get();
  const auto now = pool.metrics();
  CHECK(now.by_label.size() == 3);
  CHECK(now.slow >= 1);
  const millrace::PoolCollectable jobs(pool, "web");
  const Page page = page_of(jobs);
  check_page(page, "web", now);
  CHECK(page.value("millrace_pool_workers", {{"pool", "web"}}) == 1);
  CHECK(page.families().size() == 27);
}

TEST_CASE("a pool whose jobs have no label has no families of labels") {
  ComputePool pool{{.threads = 1}};
  pool.execute_sync([] {});
  const millrace::PoolCollectable jobs(pool, "");
  const Page page = page_of(jobs);
  check_page(page, "", pool.metrics());
  CHECK(page.families().size() == 14);
}

TEST_CASE("a page of a pool that has gone tells its last") {
  std::unique_ptr<millrace::PoolCollectable> jobs;
  millrace::MetricsSnapshot last;
  {
    ComputePool pool{{.threads = 1}};
    jobs = std::make_unique<millrace::PoolCollectable>(pool, "gone");
    pool.execute_sync({.label = "hash"}, [] {});
    last = pool.metrics();
  }
  check_page(page_of(*jobs), "gone", last);
}

TEST_CASE("pages may be read while jobs run and their pool goes") {
  auto pool = std::make_unique<ComputePool<>>(millrace::ComputeConfig{.threads = 2});
  const millrace::PoolCollectable jobs(*pool, "busy");
  std::atomic<bool> stop = false;
  std::optional<std::string> wrong;
  std::thread reader([&] {
    double last = 0;
    while (!stop && !wrong) {
      try {
        const double now = page_of(jobs).value("millrace_jobs_submitted_total", {{"pool", "busy"}});
        if (now < last) wrong = "a counter fell";
        last = now;
      } catch (const std::exception& error) {
        wrong = error.what();
      }
    }
  });
  for (int i = 0; i < 200; ++i) pool->execute({.label = "one"}, [] {}, asio::use_future).get();
  pool.reset();
  stop = true;
  reader.join();
  CHECK(wrong.value_or("nothing") == "nothing");
  CHECK(page_of(jobs).value("millrace_jobs_completed_total", {{"pool", "busy"}}) == 200);
}
