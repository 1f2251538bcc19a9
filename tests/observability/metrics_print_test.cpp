#include "millrace/metrics_print.hpp"

#include <chrono>
#include <locale>
#include <sstream>
#include <string>

#include "support/catch.hpp"

using millrace::detail::time_text;
using std::chrono::nanoseconds;

namespace {

millrace::HistogramSnapshot times() {
  return {.count = 4,
          .sum = nanoseconds(4'940),
          .p50 = nanoseconds(7),
          .p90 = nanoseconds(999),
          .p99 = nanoseconds(1'234),
          .p999 = nanoseconds(45'678'901),
          .max = nanoseconds(2'000'000'000)};
}

millrace::MetricsSnapshot example() {
  millrace::MetricsSnapshot all;
  all.submitted = 1000;
  all.started = 990;
  all.completed = 980;
  all.failed = 2;
  all.cancelled = 3;
  all.expired = 4;
  all.rejected = 1;
  all.slow = 5;
  all.pending = 2;
  all.active = 8;
  all.queue_wait = times();
  all.run_time.count = 0;
  all.completion_delay = times();
  millrace::LabelMetrics label;
  label.label =
      "gr\xc3\xb6\xc3\x9f"
      "er\n";
  label.submitted = 12345678;
  label.run_time = times();
  all.by_label.push_back(label);
  return all;
}

// Digits in groups, and a comma for the point.
struct Elsewhere : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

}  // namespace

TEST_CASE("times have three digits that count and the unit that fits") {
  CHECK(time_text(nanoseconds(0)) == "0 ns");
  CHECK(time_text(nanoseconds(-5)) == "0 ns");
  CHECK(time_text(nanoseconds(7)) == "7 ns");
  CHECK(time_text(nanoseconds(999)) == "999 ns");
  CHECK(time_text(nanoseconds(1'000)) == "1.00 us");
  CHECK(time_text(nanoseconds(1'005)) == "1.01 us");
  CHECK(time_text(nanoseconds(1'234)) == "1.23 us");
  CHECK(time_text(nanoseconds(45'678)) == "45.7 us");
  CHECK(time_text(nanoseconds(999'499)) == "999 us");
  CHECK(time_text(nanoseconds(999'500)) == "1.00 ms");
  CHECK(time_text(nanoseconds(10'040'000)) == "10.0 ms");
  CHECK(time_text(nanoseconds(9'999'999'999)) == "10.0 s");
  CHECK(time_text(std::chrono::hours(1)) == "3600 s");
}

TEST_CASE("one line tells all fields in the same order each time") {
  const std::string line = millrace::to_string(example());
  CHECK(line ==
        "submitted 1000, started 990, completed 980, failed 2, cancelled 3, expired 4, rejected 1, "
        "slow 5, pending 2, active 8; "
        "queue wait p50 7 ns p90 999 ns p99 1.23 us p99.9 45.7 ms max 2.00 s; "
        "run time p50 - p90 - p99 - p99.9 - max -; "
        "completion delay p50 7 ns p90 999 ns p99 1.23 us p99.9 45.7 ms max 2.00 s");
  std::ostringstream out;
  out.imbue(std::locale(std::locale::classic(), new Elsewhere));
  out << example();
  CHECK(out.str() == line);
}

TEST_CASE(
    "the tables have aligned columns and a row for each label and nothing that breaks a line") {
  std::ostringstream out;
  out.imbue(std::locale(std::locale::classic(), new Elsewhere));
  millrace::print_table(out, example());
  CHECK(out.str() ==
        "jobs     submitted  started  completed  failed  cancelled  expired  rejected  slow  "
        "pending  active\n"
        "all           1000      990        980       2          3        4         1     5        "
        "2       8\n"
        "gr\xc3\xb6\xc3\x9f"
        "er?   12345678        0          0       0          0        0         "
        "0     0        0       0\n"
        "\n"
        "times                      count     mean   p50     p90      p99    p99.9     max\n"
        "all      queue wait            4  1.24 us  7 ns  999 ns  1.23 us  45.7 ms  2.00 s\n"
        "         run time              0        -     -       -        -        -       -\n"
        "         completion delay      4  1.24 us  7 ns  999 ns  1.23 us  45.7 ms  2.00 s\n"
        "gr\xc3\xb6\xc3\x9f"
        "er?  queue wait            0        -     -       -        -        -       "
        "-\n"
        "         run time              4  1.24 us  7 ns  999 ns  1.23 us  45.7 ms  2.00 s\n"
        "         completion delay      0        -     -       -        -        -       -\n");
}

TEST_CASE("a pool without labels prints one row") {
  std::ostringstream out;
  millrace::print_table(out, {});
  CHECK(out.str() ==
        "jobs  submitted  started  completed  failed  cancelled  expired  rejected  slow  pending  "
        "active\n"
        "all           0        0          0       0          0        0         0     0        0  "
        "     0\n"
        "\n"
        "times                    count  mean  p50  p90  p99  p99.9  max\n"
        "all    queue wait            0     -    -    -    -      -    -\n"
        "       run time              0     -    -    -    -      -    -\n"
        "       completion delay      0     -    -    -    -      -    -\n");
}
